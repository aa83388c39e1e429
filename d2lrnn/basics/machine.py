"""Describe the machine: cores, processor, and what MXNet's wheel needs.

``setup.py``, ``d2lrnn doctor`` and the benchmarks run this file by its path,
without importing d2lrnn, so it imports only the standard library.
"""
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from typing import NamedTuple

__all__ = ["cpu_name", "install_command", "lacks_avx", "no_wheel",
           "not_installed", "not_loaded", "num_cores", "system",
           "system_name", "wheel"]

CONTAINER = "docker run --platform linux/amd64 -it python:3.11 bash"
REINSTALL = "pip install --force-reinstall --no-deps mxnet==1.9.1"


class Wheel(NamedTuple):
    """The system libraries of a wheel of MXNet 1.9.1, and how to get them."""

    libraries: tuple  # all that the wheel links but does not contain
    remedy: str
    has_openmp: bool = True


WHEELS = {
    ("Linux", "x86_64"): Wheel(
        ("libgomp.so.1", "libquadmath.so.0"),
        "apt-get install libgomp1 libquadmath0 (Debian and Ubuntu) or "
        "dnf install libgomp libquadmath (Fedora)"),
    ("Linux", "aarch64"): Wheel(
        ("libgomp.so.1", "libarmpl_lp64_mp.so", "libamath.so",
         "libastring.so"),
        f"apt-get install libgomp1 (Debian and Ubuntu) or dnf install libgomp "
        f"(Fedora), install the Arm Performance Libraries for GCC "
        f"(developer.arm.com, free) and add their lib folder to "
        f"LD_LIBRARY_PATH, or install d2lrnn in a container instead "
        f"({CONTAINER})"),
    ("Darwin", "x86_64"): Wheel((), REINSTALL, has_openmp=False),
}
# what to do on systems without a wheel
INSTEAD = {
    ("Windows", None):
        "install d2lrnn in WSL2, the Linux inside Windows (wsl --install, "
        "restart, then follow README.md in the Ubuntu terminal)",
    ("Darwin", "arm64"):
        "install d2lrnn in a Python for x86_64, which Rosetta runs here "
        "(softwareupdate --install-rosetta && "
        "uv venv --python cpython-3.11-macos-x86_64-none && "
        ". .venv/bin/activate && uv pip install -e .)",
}
# how dlopen names a library that is missing: glibc, musl, macOS
MISSING = re.compile(r"([^/\s:]+\.so[.\d]*): |"  # in any language
                     r"Error loading shared library ([^\s:]+):|"
                     r".*Library not loaded: '?([^\s']+)")


def num_cores():
    """Return how many cores this process may use: at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    count = getattr(os, "process_cpu_count", os.cpu_count)
    return count() or 1


def cpu_name():
    """Return the processor's name, or its architecture if that is unknown."""
    return (in_cpuinfo("model name") or name_from_sysctl()
            or platform.processor() or platform.machine())


def lacks_avx():
    """Return whether the processor is known to lack AVX.

    On such a processor, MXNet's wheel for Linux on x86-64 crashes Python with
    "Illegal instruction".
    """
    flags = in_cpuinfo("flags")
    return (system() == ("Linux", "x86_64") and flags is not None
            and "avx" not in flags.split())


def in_cpuinfo(key):
    """Return an entry of /proc/cpuinfo for the first core, or None."""
    try:
        with open("/proc/cpuinfo", errors="replace") as file:
            for line in file:
                if line.startswith(key):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return None


def name_from_sysctl():
    """Return the processor's name as macOS reports it, or None."""
    if platform.system() != "Darwin":
        return None
    try:
        return subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], text=True,
            capture_output=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def system():
    """Return (system, machine), such as ("Linux", "x86_64").

    Both describe this Python: under Rosetta, the machine is "x86_64" rather
    than "arm64". A 32-bit Python, and one for Linux with musl, cannot use the
    wheels, and so have names of their own.
    """
    name, machine = platform.system(), platform.machine()
    if name == "Linux" and "musl" in str(
            sysconfig.get_config_var("HOST_GNU_TYPE")):
        name = "Linux with musl"
    if sys.maxsize < 2 ** 32:
        machine += " (32 bits)"
    return name, machine


def system_name():
    """Return the system's name for readers, such as macOS on arm64."""
    name, machine = system()
    name = {"Darwin": "macOS"}.get(name, name)
    return f"{name} on {machine}" if name and machine else "this system"


def wheel():
    """Return the wheel of MXNet 1.9.1 for this system, or None."""
    return WHEELS.get(system())


def no_wheel():
    """Return the error for a system without a wheel of MXNet, or None."""
    if wheel():
        return None
    name, machine = system()
    instead = INSTEAD.get((name, machine)) or INSTEAD.get((name, None)) or (
        f"install d2lrnn in a Linux container ({CONTAINER})")
    return f"MXNet 1.9.1 has no wheel for {system_name()}: {instead}"


def not_installed():
    """Return the error for a Python in which mxnet is not installed."""
    needs = wheel()
    if needs is None:
        return no_wheel()
    sentence = ("mxnet is not installed in this Python: "
                "pip install mxnet==1.9.1")
    if not needs.libraries:
        return sentence
    *first, last = needs.libraries
    return (f"{sentence}, which needs the system libraries "
            f"{', '.join(first)} and {last}: {needs.remedy}")


def not_loaded(message):
    """Return the error for dlopen's message when it cannot load MXNet.

    It names the missing library, if there is one, and the command that
    installs everything that MXNet's wheel for this system needs.
    """
    found = MISSING.match(" ".join(message.split()))
    name = found and next(filter(None, found.groups()))
    needs = wheel()
    if name is None:
        reason = (message.strip().splitlines() or ["no reason given"])[0]
        return (f"MXNet's library does not load here ({reason}): {REINSTALL}, "
                f"or install d2lrnn in a container ({CONTAINER})")
    if needs is None:  # the user's own build
        remedy = "install it, or build MXNet again without it"
    elif needs.libraries and name not in needs.libraries:
        remedy = "install the package of your system that contains it"
    else:
        remedy = needs.remedy
    return (f"MXNet needs the system library {name}, which is missing here: "
            f"{remedy}")


def install_command(package):
    """Return the command that installs a system package.

    The package must have the same name on all systems, as graphviz has.
    """
    tool = {"Darwin": "brew", "Windows": "winget", "FreeBSD": "pkg"}.get(
        platform.system())
    tool = tool or next(filter(shutil.which, ("apt-get", "dnf", "zypper")),
                        "apt-get")
    return f"{tool} install {package}"
