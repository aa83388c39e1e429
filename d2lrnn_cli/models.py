"""What the command does with a model's file."""
import math
from pathlib import Path

import d2lrnn as d2l
import numpy as np
from d2lrnn.data.texts import TEXTS
from d2lrnn.data.tokens import UNKNOWN
from d2lrnn.models.checkpoint import read


def load_text(text, level, min_freq=1, vocabulary=None):
    """Return the corpus of a known text, or of a path; never of itself."""
    if text not in TEXTS:
        text = Path(text)
    try:
        return d2l.load_corpus(text, level=level, min_freq=min_freq,
                               vocabulary=vocabulary)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}, or give the name of a known text, one of "
            f"{', '.join(TEXTS)}") from None


def load(path):
    """Return the model that a file holds, if it is a ``CharRNN``."""
    model = d2l.load_model(path, d2l.try_gpu())
    if not isinstance(model, d2l.CharRNN):
        raise ValueError(f"{path} holds a {type(model).__name__}, which its "
                         f"own lesson uses: give the file of a CharRNN")
    if model.idx_to_char is None:
        raise ValueError(f"{path} holds a model without a vocabulary: save "
                         f"it again after setting its idx_to_char")
    return model


def beginning(model):
    """Return the prefix where none is given: a new line, or what there is."""
    known = [char for char in model.idx_to_char if char != UNKNOWN]
    return next((char for char in "\n " if char in known), known[0])


def first_token(corpus):
    """Return the first token of a text that is not ``<unk>``."""
    return next(token for token in map(corpus.idx_to_char.__getitem__,
                                       corpus.corpus_indices)
                if token != UNKNOWN)


def write_one(model, prefix, num_chars, choice):
    """Return an iterator over the prefix and what follows it."""
    new = d2l.generate(model, prefix, num_chars, **choice)  # checks first
    yield prefix
    yield from new


def write_all(model, prefix, num_chars, n, choice):
    """Return several lyrics as a list."""
    steps = list(d2l.generate(model, [prefix] * n, num_chars, **choice))
    return [prefix + "".join(step[i] for step in steps) for i in range(n)]


def evaluate(model, text):
    """Return a dict of what a text costs a model.

    What its vocabulary lacks is ``<unk>`` where there is such an entry, and
    is left out where there is none.
    """
    known = list(model.idx_to_char)
    unk = known.index(UNKNOWN) if UNKNOWN in known else len(known)
    corpus = load_text(text, model.level, vocabulary=known if unk < len(
        known) else [*known, UNKNOWN])
    ids = corpus.corpus_indices
    kept = ids[ids < len(known)]
    if len(kept) < 2:
        raise ValueError(f"{text} has {len(kept)} {model.level}s that the "
                         f"model knows: give a text like those that it was "
                         f"trained on")
    # in several rows, each long enough to forget that it began with zeros
    num_rows = max(1, min(32, len(kept) // 1000))
    losses, targets = d2l.evaluate(model, kept, num_rows)
    loss = float(losses.mean(dtype="float64"))
    per_token = corpus.num_chars / len(ids)
    return {"perplexity": d2l.perplexity(loss), "loss": loss,
            "bits_per_char": loss / math.log(2) / per_token,
            "unk": float(np.mean(targets == unk)),
            "left_out": 1 - len(kept) / len(ids),
            "units": len(ids), "level": model.level}


def description(path):
    """Return what is in a model's file, as a page of text."""
    arrays, metadata = read(path)
    weights = {name.removeprefix("model."): array for name, array
               in arrays.items() if name.startswith("model.")}
    vocabulary = metadata["idx_to_char"] or []
    shown = " ".join(map(repr, vocabulary[:12]))
    rows = {"model": metadata["class"], **metadata["model"],
            "level": metadata["level"],
            "vocabulary": f"{len(vocabulary):,}: {shown}"
                          f"{' ...' if len(vocabulary) > 12 else ''}",
            "parameters": f"{sum(map(np.size, weights.values())):,}",
            "bytes": f"{Path(path).stat().st_size:,}"}
    if training := metadata.get("training"):
        rows |= {"trained": f"{len(training['history'])} epochs, "
                            f"{training['step']:,} steps",
                 **training["settings"]}
    lines = [f"{name:<18}{value}" for name, value in rows.items()]
    lines += ["", *(f"{name:<30}{' x '.join(map(str, array.shape))}"
                    for name, array in sorted(weights.items()))]
    return "\n".join(lines)
