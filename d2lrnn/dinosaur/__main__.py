"""Run the command: ``python -m d2lrnn.dinosaur``."""
from d2lrnn.dinosaur.command import main

main()
