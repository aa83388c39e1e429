"""What ``d2lrnn doctor`` says, on this system and on others."""
import os
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from commands import run

from d2lrnn_cli import doctor
from d2lrnn_cli.meeting import own_address


@pytest.fixture
def no_mxnet(monkeypatch):
    """Hide MXNet, and that it is installed."""
    def version(name):
        if name == "mxnet":
            raise metadata.PackageNotFoundError(name)
        return metadata.distribution(name).version

    monkeypatch.setattr(doctor, "find_spec", lambda name:
                        None if name == "mxnet" else find_spec(name))
    monkeypatch.setattr(doctor, "metadata", type("Metadata", (), {
        "version": staticmethod(version),
        "PackageNotFoundError": metadata.PackageNotFoundError}))


@pytest.mark.parametrize("chosen, words", [
    ("tpu", "D2LRNN_CTX is 'tpu': it must be cpu, gpu or gpu(1)"),
    ("gpu(99)", "D2LRNN_CTX asks for gpu(99), but MXNet sees ")])
def test_a_device_that_is_not_there(monkeypatch, chosen, words):
    monkeypatch.setenv("D2LRNN_CTX", chosen)
    *_, (state, text) = doctor.mxnet()
    assert state == "wrong" and text.startswith(words)


def test_a_folder_of_texts_that_cannot_be_read(monkeypatch, tmp_path):
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    assert list(doctor.texts()) == [
        ("ok", "D2LRNN_DATA: no text in it")]
    monkeypatch.setattr(os, "access", lambda *_: False)  # root reads all
    ((state, text),) = doctor.texts()
    assert state == "wrong" and "which cannot be read" in text


def test_it_is_not_imported_with_the_package():
    assert doctor.machine.num_cores.__globals__["__name__"] != (
        "d2lrnn.basics.machine")


def test_a_processor_without_avx_is_told(on, monkeypatch):
    on("Linux", "x86_64")
    monkeypatch.setattr(doctor.machine, "lacks_avx", lambda: True)
    ((said, text),) = doctor.system()
    assert said == "wrong" and "lacks AVX, which MXNet's wheel needs" in text


@pytest.mark.parametrize("system, processor, state, words", [
    ("Linux", "x86_64", "ok", "Linux on x86_64, "),
    ("Linux", "aarch64", "ok", "Linux on aarch64, "),
    ("Darwin", "x86_64", "ok", "macOS on x86_64, "),
    ("Darwin", "arm64", "wrong", "cpython-3.11-macos-x86_64-none"),
    ("Windows", "AMD64", "wrong", "WSL2"),
    ("FreeBSD", "amd64", "wrong", "docker run --platform linux/amd64")])
def test_the_system_is_told_once(on, no_mxnet, system, processor, state,
                                 words):
    on(system, processor)
    ((said, text),) = doctor.system()
    assert said == state and words in text
    told = [text for _, text in (*doctor.packages(), *doctor.libraries(),
                                 *doctor.mxnet()) if "mxnet" in text]
    assert told == ["mxnet is not installed: pip install -e ."] * (
        state == "ok")


def test_a_build_of_the_users_own_is_no_mistake(on, monkeypatch):
    on("Darwin", "arm64")
    ((state, text),) = doctor.system()
    assert (state, text) == (
        "note", "MXNet 1.9.1 has no wheel for macOS on arm64, so the mxnet "
                "here is a build of your own")


def test_an_mxnet_of_another_package_counts(no_mxnet, monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", find_spec)
    assert ("ok", "mxnet, from another package or a build") in [
        *doctor.packages()]


@pytest.mark.process
def test_what_mxnet_links_is_what_counts(on, tmp_path, monkeypatch):
    """Other libraries may be missing; one that it links may not."""
    assert not list(doctor.libraries())
    on("Linux", "aarch64")
    assert not list(doctor.libraries())
    (tmp_path / "libmxnet.so").write_bytes(b"no library")
    monkeypatch.setenv("MXNET_LIBRARY_PATH", str(tmp_path / "libmxnet.so"))
    ((state, text),) = doctor.libraries()
    assert state == "wrong" and text.startswith(
        f"MXNet's library does not load here ({tmp_path}/libmxnet.so: ")


@pytest.mark.process
def test_a_library_that_mxnet_links_and_does_not_find(tmp_path, monkeypatch):
    """MXNet's own libgfortran serves as MXNet's library."""
    folder = Path(find_spec("mxnet").submodule_search_locations[0])
    library = folder / "libgfortran.so.3"
    data = library.read_bytes() if library.exists() else b""
    if b"\0libquadmath.so.0\0" not in data:
        pytest.skip("this MXNet brings no libgfortran of this kind")
    copy = tmp_path / "libmxnet.so"
    copy.write_bytes(data.replace(b"\0libquadmath.so.0\0",
                                  b"\0libnowhere2.so.0\0"))
    monkeypatch.setenv("MXNET_LIBRARY_PATH", str(copy))
    ((state, text),) = doctor.libraries()
    assert state == "wrong" and text.startswith(
        "MXNet needs the system library libnowhere2.so.0, which is missing "
        "here: ")
    assert "\n" not in text


def test_cores_where_linux_does_not_count_them(on, monkeypatch):
    on("Darwin", "x86_64")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    monkeypatch.setattr(os, "getloadavg", lambda: (7.0, 0, 0), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(doctor.threads()) == [
        ("ok", "10 cores; MXNet's wheel for this system has no OpenMP, so "
               "OMP_NUM_THREADS has no effect")]
    assert not list(doctor.load())  # fewer threads would not help
    on("Linux", "aarch64")
    assert list(doctor.threads()) == [("ok", "10 cores, all used")]
    assert list(doctor.load())


@pytest.mark.parametrize("system, command", [
    ("Darwin", "brew"), ("Windows", "winget"), ("Linux", "apt-get")])
def test_graphviz_is_installed_in_the_systems_way(on, monkeypatch, system,
                                                  command):
    on(system, "x")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    ((state, text),) = doctor.graphviz()
    assert state == "note" and text.endswith(f"{command} install graphviz")


@pytest.mark.parametrize("settings, address", [
    ({}, None), ({"D2LRNN_AT": "127.0.0.1:9187"}, "127.0.0.1"),
    ({"DMLC_NODE_HOST": "10.1.2.3"}, "10.1.2.3")])
def test_the_address_that_is_announced(monkeypatch, settings, address):
    for name in ("D2LRNN_AT", "DMLC_NODE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ((state, text),) = doctor.together()
    assert state == "ok" and f"announces {address or own_address()} " in text


def test_variables_with_which_mxnet_waits(monkeypatch):
    monkeypatch.setenv("DMLC_ROLE", "server")
    monkeypatch.setenv("DMLC_NUM_WORKER", "2")
    *wrong, (state, _) = doctor.together()
    assert state == "ok" and wrong == [
        ("wrong", f"{name} is {value!r}, so MXNet may wait for other "
         f"machines: unset {name}")
        for name, value in (("DMLC_NUM_WORKER", "2"),
                            ("DMLC_ROLE", "server"))]
    assert ("ok", "MXNet imports and computes") in list(doctor.mxnet())


def test_another_python_than_mxnets(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 1, "final", 0))
    ((state, text),) = doctor.python()
    assert state == "wrong" and "Python 3.13.1" in text


@pytest.mark.process
def test_doctor_finds_nothing_wrong():
    lines = run("doctor").stdout.splitlines()
    assert "ok     MXNet imports and computes" in lines
    assert not [line for line in lines if line.startswith("wrong")]


@pytest.mark.process
@pytest.mark.parametrize(("settings", "line"), [
    ({"D2LRNN_LANG": "", "LC_ALL": "zh_CN.UTF-8"},
     "ok     reports in Chinese"),
    ({"LC_ALL": "C", "D2LRNN_LANG": "zh"}, "ok     reports in Chinese"),
    ({"LC_ALL": "zh_CN.UTF-8", "D2LRNN_LANG": "en"},
     "ok     reports in English"),
    ({"D2LRNN_LANG": "fr"}, "wrong  D2LRNN_LANG is 'fr': it must be en or zh: "
                            "export D2LRNN_LANG=en")])
def test_doctor_names_the_language_of_reports(settings, line):
    done = run("doctor", code=int(line.startswith("wrong")), **settings)
    assert line in done.stdout.splitlines()


@pytest.mark.process
def test_doctor_where_mxnet_does_not_import(tmp_path):
    (tmp_path / "mxnet.py").write_text("raise OSError('no such library')")
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = run("doctor", code=1, PYTHONPATH=os.pathsep.join(path),
               OMP_NUM_THREADS="99", D2LRNN_DATA="/nowhere")
    wrong = [line for line in done.stdout.splitlines()
             if line.startswith("wrong")]
    assert len(wrong) == 3
    for words in ("wrong  MXNet's library does not load here (no such li",
                  "export OMP_NUM_THREADS=",
                  "unset D2LRNN_DATA"):
        assert any(words in line for line in wrong)


@pytest.mark.parametrize("busy, noted", [(0.1, 0), (1.9, 1), (None, 0)])
def test_doctor_notes_that_other_programs_are_busy(monkeypatch, busy, noted):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if busy is None:  # a machine that does not tell
        monkeypatch.delattr(os, "getloadavg", raising=False)
    else:
        monkeypatch.setattr(os, "getloadavg", lambda: (busy, 0, 0))
    assert [text for state, text in doctor.load() if state == "note"] == [
        "1.9 programs were busy in the last minute; beside them one thread "
        "is faster: export OMP_NUM_THREADS=1"] * noted
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert not list(doctor.load())


@pytest.mark.process
@pytest.mark.parametrize("name, value", [
    ("OMP_NUM_THREADS", "1,2"), ("MXNET_ENGINE_TYPE", "bogus")])
def test_doctor_names_a_setting_that_mxnet_cannot_read(name, value):
    wrong = [line for line in run("doctor", code=1, **{
        name: value}).stdout.splitlines() if line.startswith("wrong")]
    assert f"wrong  {name} is {value!r}: set it to " in "\n".join(wrong)
