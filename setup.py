"""Say what d2lrnn needs, and list its packages; the rest is pyproject.toml."""
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        "d2lrnn needs Python 3.10, 3.11 or 3.12, and this is Python %d.%d: "
        "MXNet 1.9.1 needs a numpy below 2, which no Python after 3.12 has, "
        "and d2lrnn is written for 3.10 and later; README.md shows how to get "
        "Python 3.11 with uv." % sys.version_info[:2]
    )

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["d2lrnn*", "lyrics_data*"]),
              "d2lrnn_cli.chapters"],
    # the lessons travel in the wheel as files of the command's
    package_dir={"d2lrnn_cli.chapters": "chapters"},
)
