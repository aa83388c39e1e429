"""Files are whole at every moment, whoever writes; folders have one user."""
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from d2lrnn.basics import files
from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.basics.files import (
    new_folder,
    only_user,
    to_path,
    to_text,
    whole_path,
    write_new,
    write_whole,
)

WRITER = """if True:
    import sys
    from d2lrnn.models.checkpoint import load_model, save_model
    import d2lrnn as d2l
    model = d2l.CharRNN(3, 2, int(sys.argv[2]), 1)
    model.initialize()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(100):
        save_model(sys.argv[1], model)
        load_model(sys.argv[1])
    """


def python(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


@pytest.mark.process
def test_two_processes_save_to_one_path(tmp_path):
    path = tmp_path / "model.safetensors"
    writers = [python(WRITER, path, size) for size in (40, 60)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    assert list(tmp_path.iterdir()) == [path]


def test_many_threads_write_one_file(tmp_path):
    path = tmp_path / "file"
    texts = [bytes([n]) * 100_000 for n in range(8)]
    write_whole(path, texts[0])

    def write_and_read(text):
        write_whole(path, text)
        return path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(write_and_read, texts * 20))
    assert all(data in texts for data in read)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.process
def test_leftovers_of_a_killed_writer_go_and_those_of_others_stay(tmp_path):
    code = ("import os, sys\nfrom d2lrnn.basics.files import write_whole\n"
            "os.fsync = lambda fd: os.kill(os.getpid(), 9)\n"
            "write_whole(sys.argv[1], b'new')")
    (tmp_path / "file").write_bytes(b"old")
    for _ in range(2):
        killed = python(code, tmp_path / "file")
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_bytes() == b"old"
    left = list(tmp_path.glob(".d2lrnn-*"))
    assert len(left) == 1  # the second one removed the first one's
    with files.unfinished_file(tmp_path) as alive:
        write_whole(tmp_path / "other", b"more")
        assert os.path.exists(alive.name) and not left[0].exists()
        os.unlink(alive.name)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other"}


def test_a_long_name_is_written_as_it_is(tmp_path):
    path = tmp_path / ("x" * 250)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.process
def test_a_folder_has_one_user(tmp_path):
    refused = f"{tmp_path} is in use by another training: give"
    code = ("import sys\nfrom d2lrnn.basics.files import only_user\n"
            "with only_user(sys.argv[1]):\n"
            "    print('in', flush=True)\n    sys.stdin.readline()")
    with only_user(tmp_path):
        with pytest.raises(ValueError, match=refused), only_user(tmp_path):
            pass
        errors = python(code, tmp_path).communicate(timeout=60)[1]
        assert errors.splitlines()[-1].startswith(f"ValueError: {refused}")
    assert not list(tmp_path.iterdir())
    other = python(code, tmp_path)
    assert other.stdout.readline() == "in\n"
    with pytest.raises(ValueError, match=refused), only_user(tmp_path):
        pass
    other.kill()
    other.communicate()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    with only_user(tmp_path):  # what is left is nobody's
        pass
    assert not list(tmp_path.iterdir())


def test_many_threads_use_a_folder_one_after_the_other(tmp_path):
    inside, most, done = [], [], []

    def use():
        for _ in range(2000):
            try:
                with only_user(tmp_path):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(1e-4)
                    inside.pop()
                done.append(1)
            except ValueError:
                continue
            if len(done) > 100:
                return

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(done) > 4
    assert not list(tmp_path.iterdir())


def test_a_child_does_not_give_its_parents_folder_away(tmp_path):
    with only_user(tmp_path):
        child = os.fork()
        if not child:
            os._exit(bool(files.HELD))
        assert os.waitpid(child, 0)[1] == 0
        with pytest.raises(ValueError, match="in use"), only_user(tmp_path):
            pass


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(37, "No locks available")

    for fcntl in (None, files.fcntl):
        monkeypatch.setattr(files, "fcntl", fcntl)
        with only_user(tmp_path), only_user(tmp_path):
            write_whole(tmp_path / "file", b"new")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
        if files.fcntl is None:
            monkeypatch.undo()
            monkeypatch.setattr(files.fcntl, "flock", unsupported)


def test_folders_that_were_made_go_away_again(tmp_path):
    deep = tmp_path / "deep" / "new" / "run"
    with pytest.raises(KeyError), new_folder(deep):
        assert deep.is_dir()
        raise KeyError
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError), new_folder(deep):
        (deep.parent / "mine").touch()
        raise KeyError
    assert not deep.exists() and (deep.parent / "mine").exists()
    with pytest.raises(KeyError), new_folder(deep.parent):
        raise KeyError
    assert deep.parent.exists()


def test_a_file_in_a_new_folder_is_there_or_neither_is(tmp_path):
    with pytest.raises(OSError, match="cannot be written"):
        write_new(tmp_path / "deep" / "new" / ("x" * 300), b"new")
    assert not list(tmp_path.iterdir())
    for text in (b"new", b"newer"):
        write_new(tmp_path / "deep" / "new" / "file", text)
        assert [path.read_bytes() for path in tmp_path.rglob("*")
                if path.is_file()] == [text]


def test_places_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").touch()
    for place in ("file", "file/run", "new/" + "x" * 300):
        with pytest.raises(OSError, match=r"cannot be created as a folder "
                                          r"\(.*\): give another") as caught:
            with new_folder(tmp_path / place):
                pass
        assert "Errno" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="cannot be created as a folder"):
            with new_folder(tmp_path / "new"):
                pass
        with pytest.raises(OSError, match="cannot be written to"):
            with only_user(tmp_path):
                pass
    finally:
        tmp_path.chmod(0o700)


def test_a_current_folder_that_was_removed(tmp_path, monkeypatch):
    (tmp_path / "lost").mkdir()
    monkeypatch.chdir(tmp_path / "lost")
    (tmp_path / "lost").rmdir()
    with pytest.raises(OSError, match="runs is in the current folder, which "
                                      "was removed: go to another folder"):
        whole_path(Path("runs"))
    with pytest.warns(D2LRNNWarning, match="runs cannot be written to"):
        instead = files.writable(Path("runs"))
    assert instead.is_dir() and instead.is_absolute()
    instead.rmdir()


def test_names_that_the_locale_lacks(monkeypatch):
    assert to_text("caf\udce9/周") == "caf\udce9/周" == to_path("caf\udce9/周")
    assert to_text(Path("a")) == "a" and to_path("\ud800") == "\ud800"

    def locale(encoding):
        monkeypatch.setattr(os, "fsencode", lambda name: os.fspath(
            name).encode(encoding, "surrogateescape"))
        monkeypatch.setattr(os, "fsdecode", lambda data: data.decode(
            encoding, "surrogateescape"))

    locale("gbk")  # Python has read them well
    assert to_text("周.txt") == "周.txt" == to_path("周.txt")
    locale("ascii")
    bytes_of_it = "周.txt".encode().decode("ascii", "surrogateescape")
    assert to_text(bytes_of_it) == "周.txt" == to_text("周.txt")
    assert to_path("周.txt") == bytes_of_it
