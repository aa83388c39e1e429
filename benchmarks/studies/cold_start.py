"""Record how fast a wheel starts: ``python -m benchmarks.studies.cold_start``.

The wheel of this checkout is installed in two empty environments: a light one,
without d2l, and a full one, with all that d2lrnn depends on. In each of them
new processes import d2lrnn, print the command's help, and write a lyric.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import RECORDS, ROOT, machine, write
from benchmarks.runner import timed

RESULTS = RECORDS / "cold_start.json"
STARTS = {
    "Python alone": ("python", "-c", "pass"),
    "`import d2lrnn`": ("python", "-c", "import d2lrnn"),
    "`d2lrnn --help`": ("d2lrnn", "--help"),
    "the first lyric": ("d2lrnn", "generate", "lyrics/best.safetensors",
                        "--num-chars", "50", "--seed", "1", "--quiet"),
}
TRAIN = ("d2lrnn", "train", "original_lyrics.txt", "--num-epochs", "1",
         "--out", "lyrics", "--quiet")


def call(program, *arguments, folder):
    """Run a program of the environment in a folder, without the checkout."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("D2LRNN_", "PYTHON"))}
    subprocess.run([folder / "venv" / "bin" / program, *arguments], env=env,
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)


def build_wheel(folder):
    """Build the wheel from the tracked files; return its path."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True,
                             text=True, capture_output=True).stdout
    for name in tracked.strip("\0").split("\0"):
        copy = folder / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps",
                    "-w", folder, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel, light, folder):
    """Install the wheel in an empty environment; return its packages."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"],
                   check=True)
    if light:
        call("pip", "install", "-q", "-r", ROOT / "requirements-light.txt",
             folder=folder)
    options = ["--no-deps"] * light
    call("pip", "install", "-q", *options, wheel, folder=folder)
    return len([*folder.glob("venv/lib/python*/site-packages/*.dist-info")])


def measure(wheel, light, times):
    """Return the packages of an environment, and the seconds of each start."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = install(wheel, light, folder)
        call(*TRAIN, folder=folder)
        return {"packages": packages, "seconds": {
            start: timed(lambda command=command: call(*command,
                                                      folder=folder), times)
            for start, command in STARTS.items()}}


def to_markdown(record):
    """Return a table: one line for each start, one column an environment."""
    environments = record["environments"]
    header = [f"{name}, {seen['packages']} packages"
              for name, seen in environments.items()]
    lines = ["| " + " | ".join(["seconds from a new process on", *header])
             + " |", "|---|" + "---:|" * len(header)]
    for start in STARTS:
        seconds = [f"{median(seen['seconds'][start]):.2f}"
                   for seen in environments.values()]
        lines.append("| " + " | ".join([start, *seconds]) + " |")
    return "\n".join([*lines, "", f"Medians of {record['times']}; "
                      f"{machine(record)}; {record['date']}."]) + "\n"


def main():
    """Measure both environments, keep the seconds, and print the table."""
    from d2lrnn.basics.environment import machine_record
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.cold_start",
        description="Measure how fast d2lrnn starts from a wheel.")
    parser.add_argument("--times", type=int, default=5,
                        help="new processes for each start (default: 5)")
    parser.add_argument("--try", action="store_true", dest="only_tried",
                        help="print the table, and keep nothing")
    args = parser.parse_args()
    if args.times < 1:
        parser.error(f"--times is {args.times}: it must be at least 1")
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        record = {**machine_record(), "times": args.times, "environments": {
            name: measure(wheel, name == "light", args.times)
            for name in ("light", "full")}}
    if not args.only_tried:
        write(record, RESULTS, to_markdown(record))
    print(to_markdown(record))


if __name__ == "__main__":
    main()
