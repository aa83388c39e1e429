"""The studio: a page that writes with a model, and shows what is inside.

The page is one file of HTML that needs no network: its script is put together
from the files in ``studio``, and a model is embedded as the file that
``save_model`` writes, without the state of its training.
"""
import hashlib
import json
from base64 import b64encode
from importlib import resources
from string import Template

import numpy as np
from d2lrnn.basics.tensors import tensor_bytes
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import (
    BEST,
    LAST,
    header_of,
    part,
    read,
    without_vocabulary,
)

__all__ = ["embedded", "is_studio_for", "to_page"]

SCRIPTS = ("words.js", "tensors.js", "matrix.js", "network.js", "gradient.js",
           "choosing.js", "reading.js", "views.js", "app.js", "events.js")


def to_page(paths, float32=False, language=""):
    """Return the page with the models of one file, or two, as a str.

    Weights are embedded as float16, which changes scores by a few
    thousandths, or as float32. The page speaks ``language``, "en" or "zh-CN";
    if this is empty, that of the reader's browser.
    """
    models = [{"name": name_of(path), "data": b64encode(
        embedded(path, float32)).decode()} for path in paths]
    style = file_text("page.css")
    script = ('"use strict";\n(() => {\n' + "".join(map(file_text, SCRIPTS))
              + "})();\n")
    policy = (f"default-src 'none'; script-src {hash_of(script)} "
              f"'wasm-unsafe-eval'; style-src {hash_of(style)}; "
              f"img-src data: blob:; worker-src blob:; base-uri 'none'; "
              f"form-action 'none'")
    # no text of a model may end the element
    data = json.dumps(models, ensure_ascii=True).replace("<", "\\u003c")
    return Template(file_text("page.html")).substitute(
        policy=policy, style=style, script=script, models=data,
        language=language)


def name_of(path):
    """Return what the page calls a model: its file, or its training's folder.

    >>> from pathlib import Path
    >>> name_of(Path("a.safetensors")), name_of(Path("/b/best.safetensors"))
    ('a', 'b')
    """
    return (path.absolute().parent.name if path.name in (BEST, LAST)
            else path.stem)


def is_studio_for(model):
    """Return whether the page can show a model."""
    return (type(model) is CharRNN and model.idx_to_char is not None
            and model.level != "token")


def embedded(path, float32):
    """Return the bytes of a model's file, with its weights alone."""
    arrays, metadata = read(path)
    if metadata["class"] != "CharRNN":
        raise ValueError(f"{path} holds a {metadata['class']}: the page takes "
                         f"the file of a CharRNN")
    if metadata["idx_to_char"] is None:
        raise without_vocabulary(path)
    if metadata["level"] == "token":
        raise ValueError(f"{path} holds a model of tokens that no rule cuts a "
                         f"text into: the page takes one of characters or "
                         f"words")
    metadata = {key: metadata[key] for key in (
        "class", "model", "idx_to_char", "level")}
    weights = {f"model.{name}": array if float32 else halved(array)
               for name, array in part(arrays, "model.").items()}
    return tensor_bytes(path, weights, header_of(weights, metadata))


def halved(array):
    """Return an array in float16, unless a number is too large for it."""
    if abs(array).max() > np.finfo(np.float16).max:
        return array.astype(np.float32)
    return array.astype(np.float16)


def file_text(name):
    """Return the text of one of the studio's files."""
    return resources.files("d2lrnn.export").joinpath("studio", name).read_text(
        "utf-8")


def hash_of(text):
    """Return the source expression that allows an inline text.

    >>> hash_of("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{b64encode(digest).decode()}'"
