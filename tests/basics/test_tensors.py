"""Safetensors files: as the format's own library has them, header first."""
import json
import os
import resource
import struct
import subprocess
import sys
import time

import d2lrnn as d2l
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from d2lrnn import dinosaur
from d2lrnn.basics import tensors
from d2lrnn.basics.tensors import TensorsError, read_tensors, write_tensors
from d2lrnn.models.checkpoint import save_model

ARRAYS = {
    "b": np.arange(3, dtype="uint8"), "wide": np.eye(2),
    "a": np.float32([[1.5, -2], [0, np.inf]]), "half": np.float16([[[7]]]),
    "one": np.array(4, dtype="int64"), "yes": np.array([True, False]),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "ümläut 猫": np.int16([-1])}


def same(arrays, others):
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype, name
        np.testing.assert_array_equal(array, others[name], name)


def read(path):
    return read_tensors(path, "file", lambda text: None)


def raw(header, data=b""):
    """Return a file's bytes; ``header`` is a dict, or bytes."""
    if isinstance(header, dict):
        header = json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def test_the_formats_library_reads_what_is_written(tmp_path):
    text = {"format": "x", "a\nkey": '"quoted" 猫'}
    write_tensors(tmp_path / "m", ARRAYS, text)
    same(safetensors.numpy.load_file(tmp_path / "m"), ARRAYS)
    with safetensors.safe_open(tmp_path / "m", "numpy") as file:
        assert file.metadata() == text
    arrays, read_text = read(tmp_path / "m")
    same(arrays, ARRAYS)
    assert read_text == text
    arrays["a"] += 1  # what is read may be changed


def test_what_the_formats_library_writes_is_read(tmp_path):
    arrays = {name: np.ascontiguousarray(array)
              for name, array in ARRAYS.items() if array.ndim}
    for text in ({"one": "1", "two": "2"}, None):
        safetensors.numpy.save_file(arrays, tmp_path / "m", text)
        read_arrays, read_text = read(tmp_path / "m")
        same(read_arrays, arrays)
        assert read_text == (text or {})


def test_numbers_from_the_other_end(tmp_path):
    write_tensors(tmp_path / "m", {"a": np.array([1, 256], ">i4")}, {})
    assert read(tmp_path / "m")[0]["a"].tolist() == [1, 256]


@pytest.mark.process
def test_equal_content_has_equal_bytes_in_every_process(tmp_path):
    """A process has another order of hashes each time."""
    code = """if True:
        import sys
        import d2lrnn as d2l
        from mxnet import init
        model = d2l.CharRNN(3, 2, 4, 2)
        model.initialize(init.One())
        model.idx_to_char = ["a", "b", "c"]
        d2l.save_model(sys.argv[1], model)
        """
    files = []
    for n in range(3):
        path = tmp_path / f"{n}.safetensors"
        subprocess.run([sys.executable, "-c", code, path], check=True)
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2] and len(files[0]) > 500


def test_two_trainings_leave_equal_models(tmp_path, abc):
    for name in ("a", "b"):
        model = d2l.CharRNN(3, 2, 4, 1)
        d2l.fit(model, abc, 2, 0.01, folder=tmp_path / name)
    a, b = ((tmp_path / name / "best.safetensors").read_bytes()
            for name in ("a", "b"))
    assert a == b


@pytest.mark.parametrize("load, words", [
    (d2l.load_model, "3,000,000,000 bytes, and files of up to 2,000,000,000 "
                     "are read"),
    (dinosaur.load, "3,000,000,000 bytes"),
    (d2l.load_model, "not a whole safetensors file"),
    (dinosaur.load, "not a whole safetensors file")])
def test_what_is_huge_is_refused_at_once(tmp_path, load, words):
    """A file with a hole takes no room on the disk."""
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(3_000_000_000 if "bytes" in words else 1_900_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(ValueError) as caught:
        load(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2e5


@pytest.mark.parametrize("load", [d2l.load_model, dinosaur.load])
def test_what_is_no_file_is_not_there(tmp_path, load):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match=r"there is no (file|check"
                                                    r"point) at .*: check"):
            load(path)
    for path in ("", None, 3, "a\0b"):
        with pytest.raises(ValueError, match="give the name of a file"):
            load(path)


@pytest.mark.parametrize("load", [d2l.load_model, dinosaur.load])
def test_what_cannot_be_read_says_so(tmp_path, load, monkeypatch):
    save_small(tmp_path / "m")

    def fail(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", fail)
    with pytest.raises(OSError, match=r"m cannot be read \(Permission denied\)"
                                      r": make it readable"):
        load(tmp_path / "m")


def save_small(path):
    model = d2l.CharRNN(3, 2, 4, 1)
    model.initialize()
    save_model(path, model)


@pytest.mark.parametrize("load", [d2l.load_model, dinosaur.load])
@pytest.mark.parametrize("dtype, size", [
    ("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F4", 1), ("C64", 8)])
def test_files_of_others_were_not_written_by_us(tmp_path, load, dtype, size):
    """Their numbers may be of a type that NumPy has not."""
    entry = {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}
    for text in ({}, {"__metadata__": {"format": "pt"}}):
        (tmp_path / "m").write_bytes(raw({**text, "x": entry},
                                         bytes(3 * size)))
        with pytest.raises(ValueError, match="was not written by d2lrnn"):
            load(tmp_path / "m")


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize("entry", [
    {"dtype": "BF16", "data_offsets": [0, 4]}, {"dtype": ["F32"]},
    {"dtype": None}, {"shape": 2}, {"shape": [-2]}, {"shape": ["2"]},
    {"shape": [2.0]}, {"shape": [True, 2]}, {"shape": [3]}, {"shape": None},
    {"shape": [2 ** 40, 2 ** 40]}, {"shape": [0], "data_offsets": [0, 0]},
    {"shape": [1] * 31 + [2]}, {"shape": [10 ** 4000] * 9},
    {"data_offsets": [0]}, {"data_offsets": [0, 8, 8]},
    {"data_offsets": [4, 12]}, {"data_offsets": [-8, 0]},
    {"data_offsets": [8, 0]}, {"data_offsets": "08"}, {"data_offsets": {}},
    {"shape": [4], "data_offsets": [0, 16]}, {"shape": [1],
                                              "data_offsets": [0, 4]}])
def test_arrays_that_cannot_be(tmp_path, entry):
    (tmp_path / "m").write_bytes(raw({"x": {**GOOD, **entry}}, bytes(8)))
    with pytest.raises(TensorsError, match="not a whole safetensors") as error:
        read(tmp_path / "m")
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize("header", [
    b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"x": 3}',
    b'{"x": []}', b'{"__metadata__": []}', b'{"__metadata__": {"a": 1}}',
    '{"é": {}}'.encode("latin-1"), "{}".encode("utf-16"),
    b'{"x": {"dtype": "F32"}}', b'{"x": ' + b"9" * 5000 + b"}",
    json.dumps({"x": GOOD, "y": GOOD}).encode()])
def test_headers_that_cannot_be(tmp_path, header):
    (tmp_path / "m").write_bytes(raw(header, bytes(8)))
    with pytest.raises(TensorsError, match="not a whole safetensors file"):
        read(tmp_path / "m")


def test_a_header_may_not_be_huge(tmp_path):
    with (tmp_path / "m").open("wb") as file:
        file.write(struct.pack("<Q", 50_000_000))
        file.truncate(60_000_000)
    with pytest.raises(TensorsError, match="its header has 50,000,000 bytes"):
        read(tmp_path / "m")


def test_what_could_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    for array in (np.longdouble([1]), np.array([1j]), np.zeros((0, 2)),
                  np.array(["a"])):
        with pytest.raises(ValueError, match="which no safetensors file can"):
            write_tensors(tmp_path / "m", {"a": array}, {})
    monkeypatch.setattr(tensors, "LARGEST_FILE", 1000)
    with pytest.raises(ValueError, match="use a smaller model, or keep less"):
        write_tensors(tmp_path / "m", {"a": np.zeros(200)}, {})
    monkeypatch.setattr(tensors, "LARGEST_HEADER", 100)
    with pytest.raises(ValueError, match="use a smaller model, or keep less"):
        write_tensors(tmp_path / "m", {"a": np.zeros(2)}, {"a": "x" * 99})
    assert not list(tmp_path.iterdir())
