"""Say what d2lrnn needs, and list its packages; the rest is pyproject.toml."""
import os
import runpy
import site
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        "d2lrnn needs Python 3.10, 3.11 or 3.12, and this is Python %d.%d: "
        "MXNet 1.9.1 needs a numpy below 2, which no Python after 3.12 has, "
        "and d2lrnn is written for 3.10 and later; README.md shows how to get "
        "Python 3.11 with uv." % sys.version_info[:2]
    )

from importlib.machinery import PathFinder

here = os.path.dirname(os.path.abspath(__file__))
machine = runpy.run_path(os.path.join(here, "d2lrnn", "basics", "machine.py"))
no_wheel = machine["no_wheel"]()
# pip hides from this script what is installed, but not where it would be
folders = sys.path + site.getsitepackages() + [site.getusersitepackages()]
if no_wheel and not PathFinder.find_spec("mxnet", folders):
    sys.exit(no_wheel)

from setuptools import find_packages, setup

packages = find_packages(include=["d2lrnn*", "lyrics_data*"])
packages.append("d2lrnn_cli.chapters")  # so that a wheel has the lessons

setup(packages=packages, package_dir={"d2lrnn_cli.chapters": "chapters"})
