"""Write text with a model, one character after another."""
from collections.abc import Iterator
from os import PathLike
from typing import Any

from d2lrnn.basics.checks import (
    check_choice,
    check_has_weights,
    check_kind,
    check_numbers,
    shown,
)
from d2lrnn.data.tokens import (
    UNKNOWN,
    check_tokens,
    level_of,
    spelled,
    tokenize,
)
from d2lrnn.generation.choosing import check_choosing, picker
from d2lrnn.generation.numpy_steps import stepper_of
from d2lrnn.models.checkpoint import load_model
from d2lrnn.models.lesson_models import check_carries_state

__all__ = ["cut_level", "generate", "generate_characters", "vocabulary_of"]


def generate(model, prefix: str | list[str] | tuple[str, ...],
             num_chars: int, temperature: float = 1.0,
             top_k: int | None = None, top_p: float | None = None,
             seed: int | None = None, stop: str | None = None, *,
             on_unknown: str = "error") -> Iterator[Any]:
    """Continue a prefix: yield each new character as it is chosen.

    ``model``
        ``model(X, state)`` takes ids of shape (batch_size, 1) and returns
        scores of shape (batch_size, vocab_size) and the new state, arrays
        with one axis for the texts. ``model.idx_to_char`` is its
        vocabulary. A model that ``stepper_of`` knows takes its steps in
        NumPy, with its current weights.
    ``prefix``
        A str, or a list of str to write several texts at once. For a list,
        each item yielded is a tuple with one str for each text.
    ``num_chars``
        How many characters to write, or words if the model's level is "word"
        or "split". At level "split", a word comes with the space before it,
        and "<eos>" as a line end.
    ``temperature``, ``top_k``, ``top_p``
        As in ``choose``.
    ``seed``
        An int that makes text i the same each time, whatever the other texts
        are; with None, each call draws anew. Another number of texts may
        change the last bit of a score and, rarely, a character.
    ``stop``
        A text ends once its new part ends with this str, and yields "" from
        then on.
    ``on_unknown``
        "skip" leaves unknown characters out of the prefix; "error" raises
        ``ValueError``. "<unk>" is never written.

    Raise ``ValueError``, at once, for unusable arguments.
    """
    check_choosing(temperature, top_k, top_p)
    _check_lyric(num_chars, seed, stop, on_unknown)
    idx_to_char = vocabulary_of(model)
    check_carries_state(model)
    check_has_weights(model)
    prefixes = [prefix] if isinstance(prefix, str) else _several(prefix)
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    level = cut_level(model)
    batch = [_to_ids(tokens, char_to_idx, on_unknown)
             for tokens in _cut(prefixes, level)]
    banned = [i for i, char in enumerate(idx_to_char) if char == UNKNOWN]
    pick = picker(temperature, top_k, top_p, seed, len(batch), banned)
    steps = stepper_of(model, len(idx_to_char))
    words = [spelled(token, level) for token in idx_to_char]
    lyrics = _write(steps, batch, num_chars, words, pick, stop)
    return (char for (char,) in lyrics) if isinstance(prefix, str) else lyrics


def generate_characters(checkpoint: str | PathLike[str], num_chars: int,
                        prompt: str = "A", pick_top_chars: int | None = None,
                        *, seed: int | None = None) -> str:
    """Load a model; return the prompt followed by new characters.

    Each of the num_chars characters is drawn by its probability from the
    ``pick_top_chars`` most probable ones, or from all. Source: R2RT,
    Recurrent Neural Networks in TensorFlow II.
    """
    check_kind("prompt", prompt, str, "a str")
    model = load_model(checkpoint)
    return prompt + "".join(generate(model, prompt, num_chars,
                                     top_k=pick_top_chars, seed=seed))


def _check_lyric(num_chars, seed, stop, on_unknown):
    check_numbers("seed", num_chars=num_chars, seed=seed)
    if stop is not None and not (isinstance(stop, str) and stop):
        raise ValueError(f"stop is {shown(stop)}: give the characters that "
                         f"end a lyric, or None")
    check_choice("on_unknown", on_unknown, ("error", "skip"))


def vocabulary_of(model):
    """Return a model's vocabulary as a list, or raise ``ValueError``."""
    idx_to_char = getattr(model, "idx_to_char", None)
    if idx_to_char is None:
        raise ValueError("the model has no vocabulary: set model.idx_to_char, "
                         "or load the model with load_model")
    return list(idx_to_char)


def cut_level(model):
    """Return the level at which a model's prefixes are cut into tokens."""
    level = getattr(model, "level", None)
    if level in ("word", "token"):  # not to be told from the vocabulary
        return level
    return level_of(vocabulary_of(model))


def _several(prefixes):
    if not isinstance(prefixes, (list, tuple)) or not prefixes or not all(
            isinstance(prefix, str) for prefix in prefixes):
        raise ValueError(f"prefix is {shown(prefixes)}: it must be a str, or "
                         f"a list of one str or more")
    return prefixes


def _cut(prefixes, level):
    """Return a list of the tokens of each prefix."""
    if level == "token":  # there is no rule for cutting it
        return [[prefix] for prefix in prefixes]
    return [tokenize(prefix, level) for prefix in prefixes]


def _to_ids(tokens, char_to_idx, on_unknown):
    """Return the ids of tokens; raise ``ValueError`` for unknown ones."""
    if on_unknown == "skip":
        # if all are unknown, the check below names them
        tokens = [token for token in tokens if token in char_to_idx] or tokens
    check_tokens(tokens, char_to_idx)
    return [char_to_idx[token] for token in tokens]


def _warm_up(steps, batch):
    """Return the state of the batch after it has read its prefixes."""
    states = []
    # one prefix and one step at a time: a compiled graph keeps its shape
    for ids in batch:
        state = steps.begin_state(1)
        for i in ids:
            _, state = steps([i], state)
        states.append(state)
    return steps.join(states)


def _write(steps, batch, num_chars, words, pick, stop):
    """Yield the next character of each text in a batch, step by step.

    ``words`` are the tokens of the vocabulary, as they are written.
    """
    state = _warm_up(steps, [ids[:-1] for ids in batch])
    last = [ids[-1] for ids in batch]
    rows, ends = range(len(batch)), [""] * len(batch)
    for _ in range(num_chars):
        scores, state = steps(last, state)
        if scores.shape != (len(batch), len(words)):
            raise ValueError(
                f"the model's scores have shape {scores.shape}, but there are "
                f"{len(batch)} texts and {len(words)} characters: set "
                f"model.idx_to_char to the vocabulary of its training text")
        new = [""] * len(batch)
        for i, best in zip(rows, pick(scores, rows), strict=True):
            last[i], new[i] = best, words[best]
        yield tuple(new)
        if stop is None:
            continue
        for i in rows:  # keep as many characters as stop has
            ends[i] = (ends[i] + new[i])[-len(stop):]
        rows = [i for i in rows if ends[i] != stop]
        if not rows:
            return
