"""Write files whole, or not at all; share folders with other writers."""
import os
import re
import secrets
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

from d2lrnn.basics.errors import D2LRNNWarning

__all__ = ["new_folder", "only_user", "to_path", "to_text", "whole_path",
           "writable", "write_new", "write_whole"]

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None

HELD = set()  # the lock files that this process holds


def to_text(path):
    """Return a path as text that can be written and printed.

    In the C locale, Python reads the non-ASCII bytes of a name as lone
    surrogates; they are decoded as UTF-8 instead.
    """
    if not re.search("[\udc80-\udcff]", os.fspath(path)):
        return os.fspath(path)
    try:
        return os.fsencode(path).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return os.fspath(path)  # a name that this locale cannot encode


def to_path(text):
    """Return the path that ``to_text`` converted to this text."""
    with suppress(UnicodeEncodeError):
        os.fsencode(text)
        return text
    try:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return text  # a lone surrogate, which is never in a path


def whole_path(path):
    """Return a path as an absolute path without links.

    Raise ``OSError`` if the current folder has been removed.
    """
    try:
        return path.resolve()
    except FileNotFoundError:
        raise OSError(f"{path} is in the current folder, which was removed: "
                      f"go to another folder, or give a path that begins with "
                      f"/") from None


def write_whole(path, data):
    """Write bytes to ``path``: all of them, or none if writing fails.

    They are first written to a file with a unique name, which is synced and
    renamed. If the process is killed before that, the previous file remains;
    of several writers the last one wins. Raise ``OSError`` if the file cannot
    be written.
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
    """Open a new file in a folder, with a unique name and a lock on it.

    If the body of the ``with`` statement fails, the file is removed. The lock
    tells ``remove_leftovers`` that the writer is alive.
    """
    while True:
        path = Path(folder, f".d2lrnn-{secrets.token_hex(8)}.unfinished")
        with path.open("xb") as file:
            try:
                if try_lock(file) is False or not is_at(file, path):
                    continue  # removed before it was locked
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
    """Lock a file for as long as it is open; return whether that worked.

    The lock is released when its process ends, in whatever way. Return None
    where locks are not supported, as on some network drives.
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
    """Return whether an open file is still at this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def only_user(folder):
    """Reserve a folder for the body of a ``with`` statement.

    The file .lock in the folder is locked, and removed at the end; one that a
    killed process left behind is no longer locked. Raise ``ValueError`` if
    another process or thread uses the folder, and ``OSError`` if it cannot be
    written to. Where locks are not supported, no other user is kept out.
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
                             f"another folder, or wait until it has finished")
        if is_at(file, path):
            break
        file.close()  # the previous owner has just removed the file
    HELD.add(file)
    try:
        yield
    finally:
        HELD.discard(file)
        if not file.closed:  # as in a forked child, which does not own it
            with suppress(OSError):
                path.unlink()
            file.close()


def let_go():
    """Close the locked files in a forked child, since its parent owns them."""
    for file in HELD:
        file.close()
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=let_go)


@contextmanager
def new_folder(folder):
    """Create a folder and its parents, unless they exist.

    If the body of the ``with`` statement fails, the new folders are removed,
    except those that are no longer empty. Raise ``OSError`` if the folder
    cannot be created.
    """
    folder, made = Path(folder), []
    try:
        made = [path for path in (folder, *folder.parents)
                if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(made)
        raise OSError(f"{folder} cannot be created as a folder "
                      f"({error.strerror}): give another one, in a folder "
                      f"that can be written to") from None
    try:
        yield folder
    except BaseException:
        remove_empty(made)
        raise


def remove_empty(folders):
    """Remove folders, the innermost first; keep those that are not empty."""
    for folder in folders:
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def write_new(path, data):
    """Write bytes to ``path``, in a folder that need not exist yet.

    All of them are written, as by ``write_whole``; or none, and folders that
    were created are removed. Raise ``OSError`` if the folder cannot be created
    or the file cannot be written.
    """
    with new_folder(Path(path).parent):
        write_whole(path, data)


def writable(folder):
    """Create a folder, or else a temporary one; return its absolute path.

    If the folder cannot be written to, or the current folder has been removed,
    a ``D2LRNNWarning`` names the temporary folder.
    """
    try:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        instead = Path(tempfile.mkdtemp(prefix="d2lrnn-"))
        warnings.warn(f"{folder} cannot be written to ({error.strerror}): the "
                      f"files go to {instead} instead", D2LRNNWarning,
                      stacklevel=3)
        return instead
    return folder
