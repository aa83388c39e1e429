"""Load the texts and the models that are named on the command line."""
from pathlib import Path

import d2lrnn as d2l
from d2lrnn.data.texts import TEXTS
from d2lrnn.export import model_file
from d2lrnn.models.checkpoint import without_vocabulary

__all__ = ["load_model", "load_text"]


def load_text(text, level=None, min_freq=1, vocabulary=None):
    """Return the corpus of a known text, given its name, or of a file.

    A string that is neither a name nor a path is an error, not a text.
    """
    if text not in TEXTS:
        text = Path(text)
    try:
        return d2l.load_corpus(text, level=level, min_freq=min_freq,
                               vocabulary=vocabulary)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}, or give the name of a known text, one of "
            f"{', '.join(TEXTS)}") from None


def load_model(path):
    """Return a ``CharRNN``, given its file or the folder of its training."""
    path = model_file(path)
    model = d2l.load_model(path, d2l.try_gpu())
    if not isinstance(model, d2l.CharRNN):
        raise ValueError(f"{path} holds a {type(model).__name__}, which only "
                         f"its own lesson uses: give the file of a CharRNN")
    if model.idx_to_char is None:
        raise without_vocabulary(path)
    return model
