"""The book's two predictors, which always take the highest score."""
from d2lrnn.basics.checks import (
    check_function,
    check_numbers,
    check_precision,
    converted,
    shown,
)
from d2lrnn.basics.environment import on_device
from d2lrnn.data.tokens import (
    check_prefix,
    level_of,
    prefix_tokens,
    spelled,
)
from d2lrnn.models.lesson_models import check_carries_state
from d2lrnn.models.scratch import to_onehot
from mxnet import nd

__all__ = ["check_numbering", "check_parts", "check_vocab_size",
           "predict_rnn", "predict_rnn_gluon"]


def check_parts(given):
    """Raise ``ValueError`` for arguments that cannot be parts of a model.

    ``given`` is a dict of arguments by name.
    """
    for name in ("rnn", "get_params", "init_rnn_state"):
        if name in given:
            check_function(name, given[name])
    if "model" in given and not hasattr(given["model"], "begin_state"):
        raise ValueError(f"model is {shown(given['model'])}: give a model of "
                         f"Gluon, such as RNNModel")
    check_carries_state(given.get("model"))
    check_precision(given.get("model"))


def check_vocab_size(model, vocab_size):
    """Raise ``ValueError`` for a model with another number of ids."""
    size = getattr(model, "vocab_size", vocab_size)
    if size != vocab_size:
        raise ValueError(f"the model has a vocabulary of {size}, and "
                         f"vocab_size is {vocab_size}: make them the same")


def check_numbering(idx_to_char, char_to_idx, vocab_size):
    """Raise ``ValueError`` unless both vocabularies have this size."""
    check_numbers(vocab_size=vocab_size)
    for name, given, kinds in (("idx_to_char", idx_to_char, (list, tuple)),
                               ("char_to_idx", char_to_idx, dict)):
        if not isinstance(given, kinds) or len(given) != vocab_size:
            raise ValueError(f"{name} is {shown(given)}: give the {name} of "
                             f"{vocab_size} characters that belongs to this "
                             f"vocab_size")


def _as_tokens(prefix, num_chars, idx_to_char, char_to_idx, vocab_size,
               **parts):
    """Check the arguments, and cut the prefix into a list of tokens.

    The vocabulary's tokens become what the text shall have for them.
    """
    check_prefix(prefix, num_chars, char_to_idx)
    check_parts(parts)
    check_numbering(idx_to_char, char_to_idx, vocab_size)
    check_vocab_size(parts.get("model"), vocab_size)
    level = level_of(char_to_idx)
    return {"prefix": prefix_tokens(prefix, char_to_idx),
            "idx_to_char": [spelled(token, level) for token in idx_to_char]}


@on_device
@converted(_as_tokens)
def predict_rnn(prefix, num_chars, rnn, params, init_rnn_state,
                num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx):
    """Continue a prefix with a model from scratch.

    The prefix only warms up the state. Each of the num_chars characters after
    it is the one with the highest score, and becomes the next input. Return
    the prefix with the new characters.

    ``prefix``
        A str, or a list of tokens. If the vocabulary consists of words, a
        str is cut into words.
    ``num_chars``
        How many characters, or words, to add.
    ``rnn``, ``params``, ``init_rnn_state``
        The cell, its parameters, and the function of ``(batch_size,
        num_hiddens, ctx)`` that makes its first state.
    ``num_hiddens``, ``vocab_size``
        The sizes of the model.
    ``ctx``
        The device, or None for the current one.
    ``idx_to_char``, ``char_to_idx``
        The vocabulary, as a list and as a dict.

    Raise ``ValueError`` for an empty prefix, one with unknown characters, and
    a negative num_chars. Source: D2L (Chinese, first edition) 6.4.4.
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


@on_device
@converted(_as_tokens)
def predict_rnn_gluon(prefix, num_chars, model, vocab_size, ctx, idx_to_char,
                      char_to_idx):
    """Continue a prefix with a Gluon model, as ``predict_rnn`` does.

    ``model``
        ``model(X, state)`` returns the scores of the character after X, of
        shape (1, 1), and the new state; ``model.begin_state`` makes the first
        state.
    the others
        As in ``predict_rnn``.

    ``generate`` with temperature 0 writes the same text, many times faster
    for the models that ``stepper_of`` knows. Source: D2L (Chinese, first
    edition) 6.5.2.
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
