"""Draw every figure into a file of its name."""
from docs.figures import FIGURES, FOLDER

for name, draw in FIGURES.items():
    (FOLDER / f"{name}.svg").write_text(draw().svg(), "utf-8")
