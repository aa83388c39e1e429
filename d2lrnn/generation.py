"""Choose the next character, again and again: lyrics from a model."""
import math
from functools import partial, wraps
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import (
    check_choice,
    check_kind,
    check_number,
    check_numbering,
    check_numbers,
    check_parts,
    converted,
    shown,
)
from d2lrnn.checkpoint import load_model
from d2lrnn.corpus import UNKNOWN, is_of_words, prefix_tokens, tokenize
from d2lrnn.runtime import on_device
from d2lrnn.scratch import to_onehot
from d2lrnn.stepper import ModelSteps, stepper_of
from mxnet import nd


def check_prefix(prefix, num_chars, char_to_idx):
    """Raise ``ValueError`` for a prefix or a length that cannot be used.

    >>> check_prefix("axb", 5, {"a": 0, "b": 1})
    Traceback (most recent call last):
    ValueError: the prefix 'axb' has characters that the vocabulary of 2
        lacks ('x'): use characters of the training text
    """
    check_numbers(num_chars=num_chars)
    if not isinstance(char_to_idx, dict):
        raise ValueError(f"char_to_idx is {shown(char_to_idx)}: give the dict "
                         f"of the training text's corpus")
    _check_tokens(prefix_tokens(prefix, char_to_idx), char_to_idx)


def _check_tokens(tokens, char_to_idx):
    """Raise ``ValueError`` for no tokens, and for those that are unknown."""
    if not tokens:
        raise ValueError("the prefix is empty: begin with one character or "
                         "more of the training text")
    unknown = [token for token in dict.fromkeys(tokens)
               if token not in char_to_idx]
    if unknown:
        what = "words" if is_of_words(char_to_idx) else "characters"
        some = ", ".join([*map(shown, unknown[:9]), "..."][:len(unknown)])
        raise ValueError(
            f"the prefix {shown(''.join(tokens))} has {what} that the "
            f"vocabulary of {len(char_to_idx)} lacks ({some}): use {what} of "
            f"the training text")


def _as_tokens(prefix, num_chars, idx_to_char, char_to_idx, vocab_size,
               **parts):
    """Check what predicts, and let it read the prefix as a list of tokens."""
    check_prefix(prefix, num_chars, char_to_idx)
    check_parts(parts)
    check_numbering(idx_to_char, char_to_idx, vocab_size)
    return {"prefix": prefix_tokens(prefix, char_to_idx)}


@on_device
@converted(_as_tokens)
def predict_rnn(prefix, num_chars, rnn, params, init_rnn_state,
                num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx):
    """Write on from a prefix with a model from scratch.

    The prefix only warms the state up; each of the num_chars characters after
    it is the one with the highest score, and is fed back as the next input.
    Where the vocabulary is one of words, the prefix is cut into words, and
    num_chars counts them; a prefix may also be a list of tokens. Return the
    prefix with the new characters. Raise ``ValueError`` for an empty prefix,
    one with unknown characters, and num_chars < 0. Source: D2L (Chinese,
    first edition) 6.4.4.
    """
    check_prefix(prefix, num_chars, char_to_idx)
    state = init_rnn_state(1, num_hiddens, ctx)
    output = [char_to_idx[prefix[0]]]
    for t in range(num_chars + len(prefix) - 1):
        # the last character is the input of this step
        X = to_onehot(nd.array([output[-1]], ctx=ctx), vocab_size)
        Y, state = rnn(X, state, params)
        # the next one comes from the prefix, then from the scores
        if t < len(prefix) - 1:
            output.append(char_to_idx[prefix[t + 1]])
        else:
            output.append(int(Y[0].argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in output)


def _in_numpy(predict):
    """Let a model whose steps NumPy can make write the same, but faster."""
    @wraps(predict)
    def predict_in_numpy(prefix, num_chars, model, vocab_size, ctx,
                         idx_to_char, char_to_idx):
        steps = stepper_of(model, len(idx_to_char))
        if isinstance(steps, ModelSteps):
            return predict(prefix, num_chars, model, vocab_size, ctx,
                           idx_to_char, char_to_idx)
        ids = [char_to_idx[char] for char in prefix]
        written = _write(steps, [ids], num_chars, idx_to_char, _highest, None)
        return "".join([*(idx_to_char[i] for i in ids),
                        *(char for (char,) in written)])

    return predict_in_numpy


def _highest(scores, rows):
    return scores.argmax(axis=1).tolist()


@on_device
@converted(_as_tokens)
@_in_numpy
def predict_rnn_gluon(prefix, num_chars, model, vocab_size, ctx, idx_to_char,
                      char_to_idx):
    """Write on from a prefix with a Gluon model, as ``predict_rnn`` does.

    ``model(X, state)`` scores the next character of X, of shape (1, 1), and
    returns the new state. A model that ``stepper_of`` knows makes its steps
    in NumPy. Source: D2L (Chinese, first edition) 6.5.2.
    """
    check_prefix(prefix, num_chars, char_to_idx)
    state = model.begin_state(batch_size=1, ctx=ctx)
    output = [char_to_idx[prefix[0]]]
    for t in range(num_chars + len(prefix) - 1):
        X = nd.array([output[-1]], ctx=ctx).reshape((1, 1))
        Y, state = model(X, state)
        if t < len(prefix) - 1:
            output.append(char_to_idx[prefix[t + 1]])
        else:
            output.append(int(Y.argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in output)


def choose(scores, temperature=1.0, top_k=None, top_p=None, rng=None,
           banned=()):
    """Choose the id of the next character by its score.

    ``scores``, of shape (vocab_size,), are unnormalised log-probabilities.
    They are divided by ``temperature``, where 0 takes the highest score (the
    first of equals); ``top_k`` keeps the k highest (of equals the lower ids),
    then ``top_p`` the fewest of the most probable that together reach this
    probability. ``rng``, a NumPy Generator, is asked for one uniform number.
    A score of -inf and the ids in ``banned`` are never chosen.

    Raise ``FloatingPointError`` for a score that is NaN or +inf, and
    ``ValueError`` for other arguments that cannot be used. Source for top_p:
    Holtzman et al., The Curious Case of Neural Text Degeneration.

    >>> scores = np.log([0.5, 0.3, 0.2])
    >>> choose(scores, temperature=0), choose(scores, 0, banned=[0])
    (0, 1)
    >>> rng = np.random.default_rng(0)
    >>> [choose(scores, rng=rng) for _ in range(8)]
    [1, 0, 0, 0, 2, 2, 1, 1]
    >>> [choose(scores, top_k=2, rng=rng) for _ in range(8)]
    [0, 1, 1, 0, 1, 0, 1, 0]
    """
    check_choosing(temperature, top_k, top_p)
    if temperature and not hasattr(rng, "random"):
        raise ValueError(f"temperature is {temperature} but rng is "
                         f"{shown(rng)}: give numpy.random.default_rng(seed),"
                         f" or temperature 0")
    try:
        scores, banned = np.asarray(scores, np.float64), list(banned)
    except (TypeError, ValueError):
        raise ValueError(f"scores is {shown(scores)} and banned is "
                         f"{shown(banned)}: give numbers, and a list of ids"
                         ) from None
    for i in banned:
        check_number("an id in banned", i, Integral, 0, scores.size - 1,
                     "an id of a score")
    return _choose(scores, float(temperature), top_k, top_p, rng, banned)


def _choose(scores, temperature, top_k, top_p, rng, banned):
    """Choose as ``choose`` does, with what was checked before."""
    scores = _allowed(scores, banned)
    if temperature == 0:
        return int(scores.argmax())
    # a tiny temperature may take a difference to -inf: its weight is 0
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp((scores - scores.max()) / temperature)
    ids = _kept(scores, weights, top_k, top_p)
    cumulative = weights[ids].cumsum()
    draw = rng.random() * cumulative[-1]
    return int(ids[cumulative.searchsorted(draw, side="right")])


def generate(model, prefix, num_chars, temperature=1.0, top_k=None,
             top_p=None, seed=None, stop=None, *, on_unknown="error"):
    """Write on from a prefix: yield each new character as it is chosen.

    ``prefix`` is a str, or a list of str for several lyrics at once: then
    each item is a tuple with one str for each lyric. A lyric ends after
    num_chars characters (words, if the model's level is "word"), or once its
    new text ends with ``stop``: from then on it gives "". ``temperature``,
    ``top_k`` and ``top_p`` are those of ``choose``. With a ``seed``, lyric i
    is the same each time, whatever the others are. "<unk>" is never written;
    ``on_unknown="skip"`` leaves unknown characters out of the prefix.

    A model that ``stepper_of`` knows makes its steps in NumPy, with the
    weights that it has when ``generate`` is called. A batch of another size
    may round the last bit of a score otherwise: where that decides, the lyric
    is another one.

    ``model(X, state)`` takes ids of shape (batch_size, 1) and returns scores
    of shape (batch_size, vocab_size) and the new state, arrays of shape
    (batch_size, num_hiddens); ``model.idx_to_char`` is its vocabulary. Raise
    ``ValueError``, at once, for arguments that cannot be used.
    """
    check_choosing(temperature, top_k, top_p)
    _check_lyric(num_chars, seed, stop, on_unknown)
    idx_to_char = vocabulary_of(model)
    prefixes = [prefix] if isinstance(prefix, str) else _several(prefix)
    batch = [_to_ids(text, idx_to_char, getattr(model, "level", None),
                     on_unknown) for text in prefixes]
    banned = [i for i, char in enumerate(idx_to_char) if char == UNKNOWN]
    pick = _picker(temperature, top_k, top_p, seed, len(batch), banned)
    steps = stepper_of(model, len(idx_to_char))
    lyrics = _write(steps, batch, num_chars, idx_to_char, pick, stop)
    return (char for (char,) in lyrics) if isinstance(prefix, str) else lyrics


def generate_characters(checkpoint, num_chars, prompt="A",
                        pick_top_chars=None, *, seed=None):
    """Load a model from a file and return the prompt with new characters.

    Each of the num_chars characters is drawn by its probability among the
    ``pick_top_chars`` most probable, or among all. Source: R2RT, Recurrent
    Neural Networks in TensorFlow II.
    """
    check_kind("prompt", prompt, str, "a str")
    model = load_model(checkpoint)
    return prompt + "".join(generate(model, prompt, num_chars,
                                     top_k=pick_top_chars, seed=seed))


def check_choosing(temperature, top_k=None, top_p=None):
    """Raise ``ValueError`` for what no character can be chosen by."""
    check_numbers("top_k", "top_p", temperature=temperature, top_k=top_k,
                  top_p=top_p)


def _kept(scores, weights, top_k, top_p):
    """Return the ids to choose among.

    They are in order, so that two almost equal scores that change places
    leave the choice as it is.
    """
    if top_k is None and top_p is None:
        return np.arange(len(scores))
    best = np.argsort(-scores, kind="stable")[:top_k]
    if top_p is not None:
        reached = weights[best].cumsum()
        # rounding must not ask for one more character
        enough = top_p * reached[-1] * (1 - 1e-12)
        best = best[:1 + reached.searchsorted(enough)]
    return np.sort(best)


def _check_lyric(num_chars, seed, stop, on_unknown):
    check_numbers("seed", num_chars=num_chars, seed=seed)
    if stop is not None and not (isinstance(stop, str) and stop):
        raise ValueError(f"stop is {shown(stop)}: give the characters that "
                         f"end a lyric, or None")
    check_choice("on_unknown", on_unknown, ("error", "skip"))


def _allowed(scores, banned):
    """Return the scores as float64, with -inf for what is banned."""
    scores = np.array(scores, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"scores has shape {scores.shape}: give those of one "
                         f"step, of shape (vocab_size,)")
    if not scores.max(initial=-np.inf) < np.inf:  # the highest may be NaN
        lost = np.flatnonzero(np.isnan(scores) | np.isposinf(scores))[0]
        raise FloatingPointError(
            f"the score of id {lost} is {scores[lost]}: the model has "
            f"diverged, so train it again with a lower lr")
    scores[list(banned)] = -np.inf
    if scores.max(initial=-np.inf) == -np.inf:
        raise ValueError("no character is left to choose: each score is -inf "
                         "or banned, so ban fewer")
    return scores


def vocabulary_of(model):
    """Return the list of a model's characters, or say that it has none."""
    idx_to_char = getattr(model, "idx_to_char", None)
    if idx_to_char is None:
        raise ValueError("the model has no vocabulary: set model.idx_to_char, "
                         "or load the model with load_model")
    return list(idx_to_char)


def _several(prefixes):
    if not isinstance(prefixes, (list, tuple)) or not prefixes or not all(
            isinstance(prefix, str) for prefix in prefixes):
        raise ValueError(f"prefix is {shown(prefixes)}: it must be a str, or "
                         f"a list of one str or more")
    return prefixes


def _to_ids(prefix, idx_to_char, level, on_unknown):
    """Return the ids of a prefix; raise for what the vocabulary lacks."""
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    if level == "token":  # nobody knows where to cut it
        tokens = [prefix]
    elif level == "word":
        tokens = tokenize(prefix, level)
    else:
        tokens = prefix_tokens(prefix, char_to_idx)
    if on_unknown == "skip":
        # where all are unknown, the check below names them
        tokens = [token for token in tokens if token in char_to_idx] or tokens
    _check_tokens(tokens, char_to_idx)
    return [char_to_idx[token] for token in tokens]


def _generator(seed, i):
    return np.random.default_rng(None if seed is None else [seed, i])


def _picker(temperature, top_k, top_p, seed, batch_size, banned):
    """Return ``pick(scores, rows)``, which chooses an id for each row."""
    def pick(scores, rows):
        return [choices[i](scores[i]) for i in rows]

    def pick_highest(scores, rows):
        best = scores.argmax(axis=1).tolist()
        # what is NaN, infinite or banned takes the way of all others
        return [best[i] if best[i] not in banned
                and math.isfinite(scores.item(i, best[i]))
                else choices[i](scores[i]) for i in rows]

    choices = [partial(_choose, temperature=float(temperature), top_k=top_k,
                       top_p=top_p, rng=_generator(seed, i), banned=banned)
               for i in range(batch_size)]
    return pick if temperature else pick_highest


def _warm_up(steps, batch):
    """Return the state after the ids of each prefix, as one batch."""
    states = []
    # one prefix and one step at a time: a compiled graph keeps its shape
    for ids in batch:
        state = steps.begin_state(1)
        for i in ids:
            _, state = steps([i], state)
        states.append(state)
    return steps.join(states)


def _write(steps, batch, num_chars, idx_to_char, pick, stop):
    """Yield one character of each lyric of a batch of ids, step by step."""
    state = _warm_up(steps, [ids[:-1] for ids in batch])
    last = [ids[-1] for ids in batch]
    rows, ends = range(len(batch)), [""] * len(batch)
    for _ in range(num_chars):
        scores, state = steps(last, state)
        if scores.shape != (len(batch), len(idx_to_char)):
            raise ValueError(
                f"the model's scores have shape {scores.shape}, but there are "
                f"{len(batch)} lyrics and {len(idx_to_char)} characters: set "
                f"model.idx_to_char to the vocabulary of its training text")
        new = [""] * len(batch)
        for i, best in zip(rows, pick(scores, rows), strict=True):
            last[i], new[i] = best, idx_to_char[best]
        yield tuple(new)
        if stop is None:
            continue
        for i in rows:  # what was written last, as long as stop
            ends[i] = (ends[i] + new[i])[-len(stop):]
        rows = [i for i in rows if ends[i] != stop]
        if not rows:
            return
