"""Write poems: a model reads 40 characters and predicts the next one.

Source: the Shakespeare lesson of Coursera's Sequence Models course, which
trains this model on the sonnets.
"""
from functools import partial
from importlib import resources
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import (
    check_has_weights,
    check_memory,
    check_numbers,
    checked,
    is_number,
    shown,
)
from d2lrnn.basics.environment import context_of
from d2lrnn.data.corpus import Corpus, load_corpus
from d2lrnn.data.tokens import (
    check_prefix,
    level_of,
    prefix_tokens,
    spelled,
)
from d2lrnn.generation.choosing import choose
from d2lrnn.generation.lyrics import vocabulary_of
from d2lrnn.models.checkpoint import load_model
from d2lrnn.models.lesson_models import WindowLSTM
from d2lrnn.training.checks import check_models
from d2lrnn.training.feeds import Windows
from d2lrnn.training.fit import fit_feed
from mxnet import nd

__all__ = ["build_data", "check_characters", "check_probabilities",
           "check_windows", "fit", "generate_output", "load_poems",
           "load_pretrained", "sample", "vectorization", "write"]


def load_poems(path_or_text="shakespeare", *, fallback=True,
               vocabulary=None):
    """Return Shakespeare's sonnets or other poems as a lower-case ``Corpus``.

    The file shakespeare.txt is looked for in ``$D2LRNN_DATA`` and
    lyrics_data/. If it is not found, the original sonnets that ship with the
    package are used, with a warning, or ``FileNotFoundError`` is raised if
    ``fallback`` is false. ``path_or_text`` and ``vocabulary`` are as in
    ``load_corpus``.
    """
    corpus = load_corpus(path_or_text, fallback=fallback)
    return Corpus.from_text(corpus.text.lower(), corpus.source,
                            vocabulary=vocabulary)


def load_pretrained(ctx=None):
    """Return the ``WindowLSTM`` that ships, trained on the original sonnets.

    ``python -m benchmarks.studies.sonnets --pretrain`` recreates it.
    """
    return load_model(resources.files("lyrics_data") / "sonnets.safetensors",
                      ctx)


def build_data(text, Tx=40, stride=3):
    """Return ``(X, Y)``: windows of a text, and the character after each.

    Both are lists of str: m windows of Tx characters, which begin ``stride``
    characters apart, and m single characters. Print m. Raise ``ValueError`` if
    the text is too short for a window.

    >>> build_data("to be or not", Tx=4, stride=3)
    number of training examples: 3
    (['to b', 'be o', 'or n'], ['e', 'r', 'o'])
    """
    check_windows(text, Tx, stride)
    starts = range(0, len(text) - Tx, stride)
    X = [text[i:i + Tx] for i in starts]
    Y = [text[i + Tx] for i in starts]
    print("number of training examples:", len(X))
    return X, Y


def check_windows(text, Tx, stride):
    """Raise ``ValueError`` if a text is too short for a window of Tx."""
    check_numbers(Tx=Tx, stride=stride)
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}: give a str")
    if len(text) <= Tx:
        raise ValueError(f"the text has {len(text)} characters, too few for a "
                         f"window of {Tx} and the one after it: use a longer "
                         f"text, or a smaller Tx")


def vectorization(X, Y, n_x, char_indices, Tx=40):
    """Return windows and the characters after them as one-hot booleans.

    x has shape (m, Tx, n_x) and y (m, n_x). ``char_indices`` is a dict from
    characters to ids. Training does not use this function, since x would take
    gigabytes for a long text. Raise ``ValueError`` for unknown characters and
    for windows that are not Tx long.

    >>> x, y = vectorization(["ab"], ["b"], 2, {"a": 0, "b": 1}, Tx=2)
    >>> x.astype(int).tolist(), y.astype(int).tolist()
    ([[[1, 0], [0, 1]]], [[0, 1]])
    """
    check_characters(X, Y, n_x, char_indices, Tx)
    x = np.zeros((len(X), Tx, n_x), dtype=bool)
    y = np.zeros((len(X), n_x), dtype=bool)
    for i, window in enumerate(X):
        for t, char in enumerate(window):
            x[i, t, char_indices[char]] = True
        y[i, char_indices[Y[i]]] = True
    return x, y


def check_characters(X, Y, n_x, char_indices, Tx):
    """Raise ``ValueError`` if windows cannot become one-hot vectors."""
    check_numbers(vocab_size=n_x, Tx=Tx)
    for name, texts in (("X", X), ("Y", Y)):
        if not isinstance(texts, (list, tuple)) or not all(
                isinstance(text, str) for text in texts):
            raise ValueError(f"{name} is {shown(texts)}: give a list of str, "
                             f"such as build_data returns")
    if not isinstance(char_indices, dict) or not all(
            is_number(i, Integral) for i in char_indices.values()):
        raise ValueError(f"char_indices is {shown(char_indices)}: give a dict "
                         f"of ids by character")
    check_memory(len(X) * Tx * n_x / 4, "one-hot windows")  # one byte each
    if len(X) != len(Y) or any(len(window) != Tx for window in X):
        raise ValueError(f"X has {len(X)} windows and Y {len(Y)} characters: "
                         f"give the same number of both, and windows of "
                         f"Tx={Tx} characters")
    for char in sorted(set().union(*X, Y)):
        if not 0 <= char_indices.get(char, -1) < n_x:
            raise ValueError(f"char_indices has no id below n_x={n_x} for "
                             f"{char!r}: give the vocabulary of this text")


def check_draw(preds, temperature=1.0, rng=None):
    """Check the arguments of ``sample``, except the probabilities."""
    check_numbers(temperature=temperature)
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {shown(rng)}: give "
                         f"numpy.random.default_rng(seed), or None")


@checked(check_draw)
def sample(preds, temperature=1.0, rng=None):
    """Draw an id from ``preds ** (1 / temperature)``, normalised.

    ``preds`` are probabilities, of shape (n_x,). An id of probability 0 is
    never drawn; at temperature 0 the most probable id is taken. ``rng`` is a
    NumPy Generator; if it is None, each call draws differently.

    >>> sample([0.1, 0.7, 0.2], temperature=0)
    1
    >>> rng = np.random.default_rng(0)
    >>> [sample([0.5, 0, 0.5], rng=rng) for _ in range(5)]
    [2, 0, 0, 0, 2]
    """
    check_probabilities(preds)
    with np.errstate(divide="ignore"):
        scores = np.log(preds)
    return choose(scores, temperature, rng=rng or np.random.default_rng())


def check_probabilities(preds):
    """Raise ``ValueError`` unless an id can be drawn from ``preds``."""
    try:
        preds = np.asarray(preds, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        preds = np.asarray(np.nan)
    if preds.ndim != 1 or not (preds >= 0).all() or not 0 < preds.sum() < (
            np.inf):
        raise ValueError("preds are not probabilities: give numbers of at "
                         "least 0, not all of them 0, of shape (n_x,)")


def fit(model, corpus, num_epochs=1, lr=1e-3, *, stride=3, batch_size=128,
        held_out=0.05, **options):
    """Train a ``WindowLSTM`` on the windows of a corpus, and return a history.

    If the model has weights already, training continues from them. After each
    epoch a sample is printed.

    - ``model``: the ``WindowLSTM``
    - ``corpus``: a ``Corpus`` with the model's vocabulary
    - ``num_epochs``: the number of epochs; each reads all windows
    - ``lr``: the learning rate
    - ``stride``: the distance between the beginnings of windows
    - ``batch_size``: windows in a mini-batch
    - ``held_out``: the share at the corpus's end that is held out, or another
      ``Corpus`` of the same vocabulary
    - ``options``: those of ``d2lrnn.fit_feed``; gradients are not clipped
      unless ``clipping_theta`` is given

    The history is that of ``d2lrnn.fit_feed``.
    """
    check_models(model, corpus, WindowLSTM)
    feed = Windows(corpus, model.Tx, stride, batch_size, held_out)
    prompt = [corpus.idx_to_char[i] for i in corpus.corpus_indices[:model.Tx]]
    return fit_feed(model, feed, num_epochs, lr, **{
        "clipping_theta": None,
        "on_epoch_end": partial(on_epoch_end, prompt=prompt), **options})


def on_epoch_end(model, record, prompt=(), num_chars=160):
    """Print what the model writes after a prompt, and add it to the record."""
    text = "".join(write(model, prompt, num_chars, seed=record["epoch"]))
    print("\n".join(" - " + line for line in text.split("\n")))
    record["lyrics"] = [text]


def write(model, prompt, num_chars, temperature=1.0, seed=None):
    """Yield the characters after a prompt, one by one.

    Each is drawn from the model's prediction for the last Tx characters; if
    there are fewer, vectors of zeros precede them. The prompt is a str, or a
    list of entries of the vocabulary. The call itself, before the first
    character, raises ``ValueError`` if the prompt has unknown characters or a
    number is out of range.
    """
    check_numbers("seed", seed=seed, num_chars=num_chars,
                  temperature=temperature)
    check_prompt(prompt)
    if not isinstance(model, WindowLSTM):
        raise ValueError(f"model is {shown(model)}: give a WindowLSTM")
    idx_to_char = vocabulary_of(model)
    check_has_weights(model)
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    # an empty prompt is allowed: its window is all zeros
    check_prefix(prompt or idx_to_char[:1], num_chars, char_to_idx)
    window = [-1] * model.Tx + [
        char_to_idx[token] for token in prefix_tokens(prompt, char_to_idx)]
    level = level_of(char_to_idx)
    return (spelled(token, level) for token in write_on(
        model, window[-model.Tx:], num_chars, temperature,
        np.random.default_rng(seed)))


def check_prompt(prompt):
    """Raise ``ValueError`` if a prompt is neither a str nor a list."""
    if not isinstance(prompt, (str, list, tuple)):
        raise ValueError(f"prompt is {shown(prompt)}: give a str")


def write_on(model, window, num_chars, temperature, rng):
    """Yield the characters that a model writes after a window of ids."""
    ctx = context_of(model)
    for _ in range(num_chars):
        scores, _ = model(nd.array([window], ctx=ctx))
        i = sample(scores[0].softmax().asnumpy(), temperature, rng)
        window = [*window[1:], i]
        yield model.idx_to_char[i]


def generate_output(model, prompt=None, num_chars=400, *, temperature=1.0,
                    seed=None):
    """Continue a poem from its beginning, and return the whole poem.

    If ``prompt`` is None, the user is asked for the beginning, which is
    converted to lower case. Each character is printed as it is drawn.
    """
    if prompt is None:
        try:
            prompt = input("How does your poem begin? ")
        except EOFError:
            raise ValueError("standard input ended before it said how the "
                             "poem begins: give prompt") from None
    if not isinstance(prompt, str):
        raise ValueError(f"prompt is {shown(prompt)}: give a str")
    prompt, poem = prompt.lower(), []
    chars = write(model, prompt, num_chars, temperature, seed)
    print(f"\n{prompt}", end="", flush=True)
    for char in chars:
        poem.append(char)
        print(char, end="", flush=True)
    print()
    return prompt + "".join(poem)
