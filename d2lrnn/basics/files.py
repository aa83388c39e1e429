"""Write files whole, or not at all; share folders with other writers."""
import os
import secrets
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from d2lrnn.basics.errors import D2LRNNWarning

__all__ = ["new_folder", "only_user", "writable", "write_whole"]

try:
    import fcntl
except ImportError:  # a system without these locks
    fcntl = None

HELD = set()  # the lock files that this process holds


def write_whole(path, data):
    """Write bytes to ``path``, whole or, should writing fail, not at all.

    They are written under a name that nobody else has, synced, and renamed: a
    kill at any moment leaves the file that was there, and of several writers
    the last one wins. Raise ``OSError`` in one sentence where there can be no
    such file.
    """
    path = Path(path)
    try:
        remove_leftovers(path.parent)
        with unfinished_file(path.parent) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
    except OSError as error:
        raise OSError(f"{path} cannot be written "
                      f"({error.strerror or error}): give the path of a file "
                      f"in a folder that can be written to, with space left"
                      ) from None


@contextmanager
def unfinished_file(folder):
    """Give a new file in a folder, under a name and a lock of its own.

    Should what follows fail, the file goes away. The lock tells those who
    clean up that its writer is alive.
    """
    while True:
        path = Path(folder, f".d2lrnn-{secrets.token_hex(8)}.unfinished")
        with path.open("xb") as file:
            try:
                if try_lock(file) is False or not is_at(file, path):
                    continue  # taken away before it was locked
                yield file
                return
            except BaseException:
                with suppress(OSError):
                    path.unlink()
                raise


def remove_leftovers(folder):
    """Remove the unfinished files of writers that were killed."""
    for path in Path(folder).glob(".d2lrnn-*.unfinished"):
        with suppress(OSError), path.open("r+b") as file:
            if try_lock(file):
                path.unlink()


def try_lock(file):
    """Say whether a file's lock is ours now, for as long as it is open.

    It goes with its owner, however that ends. Where there are no such locks,
    as on some network drives, the answer is None.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(file, path):
    """Say whether an open file is the one that has this path now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def only_user(folder):
    """Keep a folder to oneself, until the end or one's own.

    The lock is on a file .lock in it, which is there for so long; one that a
    killed process left is nobody's. Raise ``ValueError`` where another
    process or thread has the folder, ``OSError`` where none can write to it.
    Where there are no locks nobody is kept out.
    """
    path = Path(folder, ".lock")
    while True:
        try:
            file = path.open("ab")
        except OSError as error:
            raise OSError(f"{folder} cannot be written to "
                          f"({error.strerror}): give a folder that can"
                          ) from None
        if try_lock(file) is False:
            file.close()
            raise ValueError(f"{folder} is in use by another training: give "
                             f"another folder, or wait for its end")
        if is_at(file, path):
            break
        file.close()  # its last owner has just removed it
    HELD.add(file)
    try:
        yield
    finally:
        HELD.discard(file)
        if not file.closed:  # as it is in a child, which does not own it
            with suppress(OSError):
                path.unlink()
            file.close()


def let_go():
    """Leave the locks of a process to it, in a child that it has forked."""
    for file in HELD:
        file.close()
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=let_go)


@contextmanager
def new_folder(folder):
    """Make a folder where there is none, with the folders above it.

    Should what follows fail, those that were made go away again, unless
    something is in them. Raise ``OSError`` in one sentence where there can be
    no such folder.
    """
    folder, made = Path(folder), []
    try:
        made = [path for path in (folder, *folder.parents)
                if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(made)
        raise OSError(f"{folder} cannot be made a folder "
                      f"({error.strerror}): give another one, in a folder "
                      f"that can be written to") from None
    try:
        yield folder
    except BaseException:
        remove_empty(made)
        raise


def remove_empty(folders):
    """Remove folders, innermost first, of which others may be using some."""
    for folder in folders:
        with suppress(OSError):  # there is something in it
            folder.rmdir()


def writable(folder):
    """Make a folder and return it, or one that can be written to.

    A ``D2LRNNWarning`` says so where it is another one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        instead = Path(tempfile.mkdtemp(prefix="d2lrnn-"))
        warnings.warn(f"{folder} cannot be written to ({error.strerror}): the "
                      f"files go to {instead} instead", D2LRNNWarning,
                      stacklevel=3)
        return instead
    return folder
