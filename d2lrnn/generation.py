"""Choose the next character, again and again: lyrics from a model."""
from d2lrnn.scratch import to_onehot
from mxnet import nd


def check_prefix(prefix, num_chars, char_to_idx):
    """Raise ``ValueError`` for a prefix or a length that cannot be used.

    >>> check_prefix("axb", 5, {"a": 0, "b": 1})
    Traceback (most recent call last):
    ValueError: the prefix 'axb' has characters that the vocabulary of 2
        lacks ('x'): use characters of the training text
    """
    if num_chars < 0:
        raise ValueError(f"num_chars is {num_chars}: it must be at least 0")
    if not prefix:
        raise ValueError("the prefix is empty: begin with one character or "
                         "more of the training text")
    unknown = [char for char in dict.fromkeys(prefix)
               if char not in char_to_idx]
    if unknown:
        raise ValueError(
            f"the prefix {prefix!r} has characters that the vocabulary of "
            f"{len(char_to_idx)} lacks ({', '.join(map(repr, unknown))}): "
            f"use characters of the training text")


def predict_rnn(prefix, num_chars, rnn, params, init_rnn_state,
                num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx):
    """Write on from a prefix with a model from scratch.

    The prefix only warms the state up; each of the num_chars characters after
    it is the one with the highest score, and is fed back as the next input.
    Return the prefix with the new characters. Raise ``ValueError`` for an
    empty prefix, one with unknown characters, and num_chars < 0. Source: D2L
    (Chinese, first edition) 6.4.4.
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


def predict_rnn_gluon(prefix, num_chars, model, vocab_size, ctx, idx_to_char,
                      char_to_idx):
    """Write on from a prefix with a Gluon model, as ``predict_rnn`` does.

    ``model(X, state)`` scores the next character of X, of shape (1, 1), and
    returns the new state. Source: D2L (Chinese, first edition) 6.5.2.
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
