"""What the machine is asked, on Linux, macOS, Windows and others."""
import ast
import builtins
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from d2lrnn.basics import environment, machine, sharing

GLIBC = "{}: cannot open shared object file: No such file or directory"
MACOS = ("dlopen(/x/libmxnet.dylib, 0x0006): Library not loaded: {}\n"
         "  Referenced from: <1F> /x/libmxnet.dylib\n  Reason: tried: '/y'")


def no_proc(path, *args, **kwargs):
    """Open a file, but none of /proc."""
    if str(path).startswith("/proc/"):
        raise FileNotFoundError(2, "No such file or directory", path)
    return OPEN(path, *args, **kwargs)


OPEN = builtins.open


def test_the_cores_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7},
                        raising=False)
    assert machine.num_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert machine.num_cores() == 5
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.num_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.num_cores() == 1


@pytest.mark.parametrize("flags, system, processor, lacks", [
    ("fpu sse avx avx2", "Linux", "x86_64", False),
    ("fpu sse avxless", "Linux", "x86_64", True),
    ("fpu sse", "Linux", "aarch64", False),
    (None, "Linux", "x86_64", False)])
def test_a_processor_without_avx(on, monkeypatch, flags, system, processor,
                                 lacks):
    on(system, processor)
    monkeypatch.setattr(machine, "in_cpuinfo", {"flags": flags}.get)
    assert machine.lacks_avx() == lacks


@pytest.mark.parametrize("text, name", [
    ("processor\t: 0\nmodel name\t: Some CPU: fast\nmodel name\t: x\n",
     "Some CPU: fast"),
    ("processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n", "risc"),
    ("model name\t:\n", "risc")])
def test_the_processors_name_on_linux(on, monkeypatch, tmp_path, text, name):
    """That of a 64-bit Arm has none."""
    on("Linux", "risc")
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(builtins, "open", lambda path, **options: OPEN(
        tmp_path / Path(path).name, **options))
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert machine.cpu_name() == name


@pytest.mark.parametrize("answer, name", [
    ("echo Apple M1", "Apple M1"), ("exit 1", "arm"), (None, "arm")])
def test_the_processors_name_on_macos(on, monkeypatch, tmp_path, answer,
                                      name):
    on("Darwin", "arm64")
    monkeypatch.setattr(builtins, "open", no_proc)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    monkeypatch.setenv("PATH", str(tmp_path))
    if answer:
        sysctl = tmp_path / "sysctl"
        sysctl.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ]'
                          f' && {answer}\n')
        sysctl.chmod(0o755)
    assert machine.cpu_name() == name
    assert environment.machine_record()["machine"]["cpu"] == name


def test_the_processors_name_elsewhere(on, monkeypatch):
    on("FreeBSD", "amd64")
    monkeypatch.setattr(builtins, "open", no_proc)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(subprocess, "run", None)  # nothing is asked
    assert machine.cpu_name() == "amd64"


def test_a_record_without_anything_of_linux(on, monkeypatch):
    on("Darwin", "x86_64")
    monkeypatch.setattr(builtins, "open", no_proc)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    record = environment.machine_record()["machine"]
    assert record["cores"] == 8 and record["cpu"]


@pytest.mark.parametrize("system, processor, words", [
    ("Linux", "x86_64", None), ("Linux", "aarch64", None),
    ("Darwin", "x86_64", None),
    ("Windows", "AMD64", "Windows on AMD64: install d2lrnn in WSL2"),
    ("Windows", "ARM64", "Windows on ARM64: install d2lrnn in WSL2"),
    ("Darwin", "arm64", "macOS on arm64: install d2lrnn in a Python for x86"),
    ("FreeBSD", "amd64", "FreeBSD on amd64: install d2lrnn in a Linux cont"),
    ("Linux", "riscv64", "Linux on riscv64: install d2lrnn in a Linux cont"),
    ("", "", "this system: install d2lrnn in a Linux container (docker ")])
def test_where_mxnet_has_no_wheel(on, system, processor, words):
    on(system, processor)
    sentence = machine.no_wheel()
    if words is None:
        assert sentence is None and machine.wheel()
    else:
        assert sentence.startswith(f"MXNet 1.9.1 has no wheel for {words}")
        assert "\n" not in sentence and machine.wheel() is None
        assert machine.not_installed() == sentence


def test_pythons_for_linux_that_cannot_use_the_wheel(on, monkeypatch):
    on("Linux", "x86_64")
    monkeypatch.setattr(machine.sysconfig, "get_config_var",
                        lambda name: "x86_64-pc-linux-musl")
    assert "Linux with musl on x86_64: " in machine.no_wheel()
    monkeypatch.undo()
    on("Linux", "aarch64")
    monkeypatch.setattr(sys, "maxsize", 2 ** 31 - 1)
    assert "Linux on aarch64 (32 bits): " in machine.no_wheel()


@pytest.mark.parametrize("system, processor, message, sentence", [
    *(("Linux", "x86_64", GLIBC.format(name),
       f"MXNet needs the system library {name}, which is missing here: "
       f"apt-get install libgomp1 libquadmath0 (Debian and Ubuntu) or dnf "
       f"install libgomp libquadmath (Fedora)")
      for name in ("libgomp.so.1", "libquadmath.so.0")),
    ("Linux", "x86_64", "libgomp.so.1: 无法打开共享对象文件: 没有那个文件",
     "MXNet needs the system library libgomp.so.1, which"),
    ("Linux", "x86_64", GLIBC.format("libstdc++.so.6"),
     "MXNet needs the system library libstdc++.so.6, which is missing here: "
     "install the package of your system that contains it"),
    ("Linux", "riscv64", "Error loading shared library libx.so: No such file",
     "MXNet needs the system library libx.so, which is missing here: install "
     "it, or build MXNet again without it"),
    ("Darwin", "x86_64", MACOS.format("@rpath/libomp.dylib"),
     "MXNet needs the system library @rpath/libomp.dylib, which is missing "
     "here: pip install --force-reinstall --no-deps mxnet==1.9.1"),
    ("Linux", "x86_64", "/lib/libm.so.6: version `GLIBC_2.99' not found",
     "MXNet's library does not load here (/lib/libm.so.6: version "
     "`GLIBC_2.99' not found): pip install --force-reinstall"),
    ("Darwin", "arm64", "dlopen(/x/libmxnet.dylib, 0x0006): tried: "
     "'/x/libmxnet.dylib' (incompatible architecture)\nmore",
     "MXNet's library does not load here (dlopen("),
    ("Linux", "x86_64", "", "MXNet's library does not load here (no reason")])
def test_the_linkers_message_becomes_one_sentence(on, system, processor,
                                                  message, sentence):
    on(system, processor)
    said = machine.not_loaded(message)
    assert said.startswith(sentence) and "\n" not in said


def test_all_that_the_wheel_for_arm_needs_is_told_at_once(on):
    on("Linux", "aarch64")
    for name in machine.wheel().libraries:
        said = machine.not_loaded(GLIBC.format(name))
        for words in (f"library {name}, ", "libgomp1", "dnf install libgomp ",
                      "Arm Performance Libraries", "developer.arm.com",
                      "LD_LIBRARY_PATH", "docker run --platform linux/amd64"):
            assert words in said
        assert name in machine.not_installed()


def test_each_system_has_its_own_way_to_install(on, monkeypatch):
    for system, command in (("Darwin", "brew"), ("Windows", "winget"),
                            ("FreeBSD", "pkg")):
        on(system, "x")
        assert machine.install_command("y") == f"{command} install y"
    on("Linux", "x86_64")
    for here, command in ((("dnf",), "dnf"), (("dnf", "apt-get"), "apt-get"),
                          (("zypper",), "zypper"), ((), "apt-get")):
        monkeypatch.setattr(shutil, "which", lambda name, here=here:
                            name if name in here else None)
        assert machine.install_command("y") == f"{command} install y"


def test_it_can_be_run_by_its_path():
    tree = ast.parse(Path(machine.__file__).read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree)
             if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree)
              if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


class OtherOpenMP:
    """A library that has functions of these names."""

    def __init__(self, *names):
        vars(self).update(dict.fromkeys(names, print))


@pytest.mark.parametrize("loaded", [
    None, OtherOpenMP(), OtherOpenMP("GOMP_parallel", "__kmpc_fork_call")])
def test_nothing_is_watched_without_gnus_openmp(monkeypatch, loaded):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("GOMP_SPINCOUNT", sharing.SPINS)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)

    def load(name, mode):
        assert mode & os.RTLD_NOLOAD  # it is not loaded for this
        if loaded is None:
            raise OSError(name)
        return loaded

    monkeypatch.setattr(sharing.ctypes, "CDLL", load)
    with sharing.CoreWatch() as watch:
        assert watch._thread is None and not watch.shared
    monkeypatch.delattr(os, "RTLD_NOLOAD")
    assert sharing.gnu_openmp() is None
