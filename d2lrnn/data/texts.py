"""Find texts, and download them."""
import os
import re
import warnings
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pooch
from d2lrnn.basics.errors import D2LRNNWarning, SettingError

__all__ = ["TEXTS", "Text", "cache_folder", "find_text", "in_folders",
           "is_path", "text_in_folders"]


class Text(NamedTuple):
    """A text that the package knows by name, and its replacement."""

    file: str
    sha256: str
    url: str | None  # None: there is nothing to download
    fallback: str | None  # None: there is no replacement
    fallback_is: str = "the original lyrics"
    member: str | None = None  # the text's name in a zip of several
    # how load_corpus cuts it by default; a text of level "split" is read
    # without the spaces at the ends of its lines
    level: str = "char"


PTB = Text(
    file="ptb.zip",
    sha256="310d8f602882a5716613815ed75596e5"
           "764ea84ed04c5630eebaaf2b943ec5aa",
    url="https://raw.githubusercontent.com/d2l-ai/d2l-zh/v1/data/ptb.zip",
    fallback=None, member="ptb/ptb.train.txt", level="split")

TEXTS = {
    "jaychou_lyrics": Text(
        file="jaychou_lyrics.txt.zip",
        sha256="3cfedd7d174111cdad5a27eaffaa6a24"
               "32a2842cf2590a03dd8a97610ea07043",
        url="https://raw.githubusercontent.com/d2l-ai/d2l-zh/v1/data/"
            "jaychou_lyrics.txt.zip",
        fallback="original_lyrics.txt"),
    "tinyshakespeare": Text(
        file="tinyshakespeare.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42"
               "b0075e16b8fc2e86bf0ca57e2dc565ed",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
            "tinyshakespeare/input.txt",
        fallback="original_sonnets.txt",
        fallback_is="the original sonnets"),
    "shakespeare": Text(
        file="shakespeare.txt",
        sha256="1b454b67b44e6f367c83a17ed295c46c"
               "5d4a1173cf5d09161882af4041bae023",
        url=None,
        fallback="original_sonnets.txt",
        fallback_is="the original sonnets"),
    "dinos": Text(
        file="dinos.txt",
        sha256="ad6465621cf56c08f71d4fbb40cf7eab"
               "763f9df42c54cc460d6c4d86e9c927fb",
        url=None,
        fallback="dinosaur_genera.txt",
        fallback_is="the dinosaur genera"),
    "ptb": PTB,
    "ptb_valid": PTB._replace(member="ptb/ptb.valid.txt"),
    "ptb_test": PTB._replace(member="ptb/ptb.test.txt"),
}
SUFFIXES = (".txt", ".text", ".zip", ".md", ".rst", ".tex", ".csv", ".tsv",
            ".json", ".xml", ".html", ".htm", ".log", ".gz")


def find_text(name, fallback=True):
    """Return the path of a known text, or of its replacement.

    Warn about a replacement; raise ``FileNotFoundError`` if ``fallback`` is
    false, or there is none, and the text cannot be found.
    """
    known = TEXTS[name]
    found = text_in_folders(name)
    if found:
        return found
    problem = f"{known.file} is neither in $D2LRNN_DATA nor lyrics_data/"
    no_download = None
    if known.url and (cache := cache_folder()) is None:
        problem += (", and there is no home folder to download it to (HOME "
                    "is not set)")
    elif known.url:
        try:
            return download(known, cache)
        except (OSError, ValueError) as error:
            no_download = error
            problem = (f"{known.file} is neither in $D2LRNN_DATA, "
                       f"lyrics_data/ nor {cache}, and could not be "
                       f"downloaded ({type(error).__name__})")
    if not fallback or known.fallback is None:
        raise FileNotFoundError(
            f"{problem}: put it into a folder and set D2LRNN_DATA to that "
            f"folder") from no_download
    warnings.warn(f"{problem}; using {known.fallback_is} that ship with "
                  f"d2lrnn ({known.fallback}) instead", D2LRNNWarning,
                  stacklevel=3)
    return Path(resources.files("lyrics_data") / known.fallback)


def text_in_folders(name):
    """Return the path of a known text in the folders of texts, or None."""
    file, member = TEXTS[name].file, TEXTS[name].member
    if member:
        return in_folders(file, member, os.path.basename(member))
    return in_folders(file, file.removesuffix(".zip"))


def in_folders(*names):
    """Return the first file with one of these names, or None.

    The folders of texts are searched in order.
    """
    for folder in _folders():
        for name in names:
            if os.path.isfile(folder / name):
                return folder / name
    return None


def _folders():
    """Yield the folders of texts: first the user's, then the package's."""
    chosen = os.environ.get("D2LRNN_DATA")
    if chosen:
        if not Path(chosen).is_dir():
            raise SettingError(f"D2LRNN_DATA is {chosen}, which is not a "
                               f"folder: set it to the folder of your texts")
        yield Path(chosen)
    yield Path(resources.files("lyrics_data"))


def cache_folder():
    """Return the folder of downloads, or None for a user without a home."""
    try:
        folder = Path(pooch.os_cache("d2lrnn"))
    except (OSError, RuntimeError, ValueError, KeyError):
        return None
    return folder if folder.is_absolute() else None


def download(known, folder):
    """Fetch a known text into a folder and return its path.

    The sha256 is checked before the file gets its name, so a broken download
    leaves nothing behind. Connecting may take 3 seconds, and the server may
    be silent for 10.
    """
    return Path(pooch.retrieve(
        known.url, known_hash=f"sha256:{known.sha256}", fname=known.file,
        path=folder,
        downloader=pooch.HTTPDownloader(timeout=(3, 10))))


def is_path(text):
    r"""Return whether a str is the path of a text rather than the text itself.

    One line of at most 1,000 characters, with no line end, is a path if

    * a file or folder of this name exists, or
    * it ends with one of SUFFIXES, in upper or lower case, or
    * it begins as paths do: ``/x``, ``./``, ``../`` or ``~/``, or
    * it is a web address, or
    * the part before its last ``/`` is an existing folder.

    >>> is_path("data/input.md"), is_path("README.MD"), is_path("./poem")
    (True, True, True)
    >>> is_path("and/or"), is_path("Hello."), is_path("poem.txt\n")
    (False, False, False)
    """
    if not text or len(text.splitlines()) > 1 or len(text) > 1000 or (
            text[-1] in "\r\n"):
        return False
    folder, _, name = text.rpartition("/")
    return bool(os.path.exists(text) or text.lower().endswith(SUFFIXES)
                or re.match(r"/\S|\.\.?/|~[\w.-]*(/|$)|\w+://\S+$", text)
                or (folder and name and os.path.isdir(folder)))
