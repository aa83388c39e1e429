"""Install d2lrnn: ``pip install -e .``."""
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        "d2lrnn needs Python 3.10, 3.11 or 3.12, and this is Python %d.%d: "
        "MXNet 1.9.1 needs a numpy below 2, which no Python after 3.12 has, "
        "and d2lrnn is written for 3.10 and later; README.md shows how to get "
        "Python 3.11 with uv." % sys.version_info[:2]
    )

from setuptools import setup

setup(
    name="d2lrnn",
    version="0.1.0",
    description="Recurrent language models to read, run and learn from, "
                "on MXNet Gluon",
    license="MIT",
    python_requires=">=3.10,<3.13",
    packages=["d2lrnn", "d2lrnn.basics", "d2lrnn.jazz", "d2lrnn_cli",
              "lyrics_data"],
    package_data={"d2lrnn": ["*.css", "*.js"],
                  "lyrics_data": ["*.txt", "*.mid", "*.safetensors",
                                  "README.md"]},
    entry_points={"console_scripts": ["d2lrnn = d2lrnn_cli.main:main"]},
    install_requires=[
        "mxnet==1.9.1",
        "pooch>=1.8",
        "rich>=13",
        "typer>=0.12",
        "matplotlib>=3.7",
        "mido>=1.3",
        "graphviz>=0.8",
        # d2l pins the numpy (1.23.5) and matplotlib that work with MXNet.
        'd2l==1.0.3; python_version < "3.12"',
        # Those pins have no build for 3.12; there stack.py mends MXNet.
        'numpy>=1.26,<2; python_version >= "3.12"',
        'setuptools<81; python_version >= "3.12"',
    ],
    extras_require={
        "test": ["pytest>=8", "hypothesis>=6", "safetensors>=0.4",
                 "selenium>=4"],
        "oracle": ["torch==2.13.0"],
        "bench": ['d2lzh==1.0.0; python_version < "3.12"', "safetensors>=0.4"],
        "book": ["sphinx>=8", "myst-nb>=1.4", "jupytext>=1.16", "furo>=2024.8",
                 "sphinx-intl>=2.3", "sphinx-mathjax-offline>=0.0.2",
                 "jieba>=0.42"],
        "dev": ["ruff>=0.8", "nox>=2024.4"],
    },
)
