"""Recurrent cells from scratch, on ``mxnet.nd``, with the book's names.

A cell comes as three functions: one draws its parameters, one makes its first
state, and one runs it over the steps, output layer included. A state is always
a tuple.
"""
from functools import partial

from d2lrnn.basics.checks import (
    check_memory,
    check_numbers,
    converted,
    explained,
)
from d2lrnn.basics.environment import as_context
from mxnet import nd

__all__ = [
    "get_gru_params",
    "get_lstm_params",
    "get_mingru_params",
    "get_minlstm_params",
    "get_params",
    "gru",
    "init_gru_state",
    "init_lstm_state",
    "init_mingru_state",
    "init_minlstm_state",
    "init_rnn_state",
    "lstm",
    "mingru",
    "minlstm",
    "rnn",
    "to_onehot",
]


def check_sizes(vocab_size, num_hiddens, ctx=None, reads_state=True):
    """Check the sizes and the device of parameters; return them converted."""
    sizes = check_numbers(vocab_size=vocab_size, num_hiddens=num_hiddens)
    # the arrays of the smallest cell, and their gradients
    rows = 2 * vocab_size + num_hiddens * reads_state
    check_memory(2 * num_hiddens * rows, f"parameters for vocab_size "
                 f"{vocab_size} and num_hiddens {num_hiddens}")
    return {**sizes, "ctx": ctx if ctx is None else as_context(ctx)}


def check_state(batch_size, num_hiddens, ctx):
    """Check the sizes and the device of a state; return them converted."""
    sizes = check_numbers(batch_size=batch_size, num_hiddens=num_hiddens)
    check_memory(batch_size * num_hiddens, f"a state for batch_size "
                 f"{batch_size} and num_hiddens {num_hiddens}")
    return {**sizes, "ctx": ctx if ctx is None else as_context(ctx)}


def check_onehot(X, size):
    """Check the ids and the size of their one-hot vectors."""
    size = check_numbers(size=size)["size"]
    if not isinstance(X, nd.NDArray):
        raise ValueError(f"X is a {type(X).__name__}: give one of MXNet's "
                         f"arrays of ids")
    check_memory(X.size * size, f"one-hot vectors of size {size}")
    return {"size": size}


@converted(check_onehot)
@explained
def to_onehot(X, size):
    """Turn a mini-batch of ids into one-hot vectors, one array per step.

    X has shape (batch_size, num_steps), or (batch_size,) for a single step;
    return num_steps arrays of shape (batch_size, size). Source: D2L (Chinese,
    first edition) 6.4.1.

    >>> X = nd.array([[0, 2], [1, 0]])
    >>> [x.asnumpy().tolist() for x in to_onehot(X, 3)]
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    return [nd.one_hot(x, size) for x in X.T]


@converted(check_sizes)
def get_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of an RNN on ``ctx``, ready for gradients.

    Return ``[W_xh, W_hh, b_h, W_hq, b_q]`` of shapes (vocab_size,
    num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,), (num_hiddens,
    vocab_size) and (vocab_size,): weights from a normal distribution with
    standard deviation 0.01, zero biases. Source: D2L (Chinese, first edition)
    6.4.2.
    """
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    # the hidden layer
    W_xh = normal((vocab_size, num_hiddens))
    W_hh = normal((num_hiddens, num_hiddens))
    b_h = nd.zeros(num_hiddens, ctx=ctx)
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


@converted(check_state)
def init_rnn_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens).

    >>> (H,) = init_rnn_state(2, 3, ctx=None)
    >>> H.shape
    (2, 3)
    """
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


@explained
def rnn(inputs, state, params):
    """Run an RNN with tanh over the steps of a mini-batch.

    ``inputs`` are num_steps arrays of shape (batch_size, vocab_size). Return
    ``(outputs, state)``: num_steps arrays of shape (batch_size, vocab_size)
    and the last state. Source: D2L (Chinese, first edition) 6.4.3.
    """
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


@converted(check_sizes)
def get_gru_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of a GRU on ``ctx``, ready for gradients.

    Return ``[W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]``
    for the update gate, the reset gate, the candidate and the output, in the
    shapes and from the distributions of ``get_params``. Source: D2L (Chinese,
    first edition) 6.7.2.
    """
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def three():
        return (normal((vocab_size, num_hiddens)),
                normal((num_hiddens, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xz, W_hz, b_z = three()  # the update gate
    W_xr, W_hr, b_r = three()  # the reset gate
    W_xh, W_hh, b_h = three()  # the candidate hidden state
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


@converted(check_state)
def init_gru_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens)."""
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


@explained
def gru(inputs, state, params):
    """Run a gated recurrent unit over the steps of a mini-batch.

    Take and return what ``rnn`` does. The reset gate R acts on the state
    before its product with W_hh, as in the book; in the layers of Gluon
    and PyTorch it acts after. Source: D2L (Chinese, first edition) 6.7.2; Cho
    et al. (2014).
    """
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z)
        R = nd.sigmoid(nd.dot(X, W_xr) + nd.dot(H, W_hr) + b_r)
        H_tilde = nd.tanh(nd.dot(X, W_xh) + nd.dot(R * H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


@converted(check_sizes)
def get_lstm_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of an LSTM on ``ctx``, ready for gradients.

    Return ``[W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o, W_xc, W_hc,
    b_c, W_hq, b_q]``, for the input, forget and output gates, the candidate
    and the output, in the shapes and from the distributions of
    ``get_params``. Source: D2L (Chinese, first edition) 6.8.2.
    """
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def three():
        return (normal((vocab_size, num_hiddens)),
                normal((num_hiddens, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xi, W_hi, b_i = three()  # the input gate
    W_xf, W_hf, b_f = three()  # the forget gate
    W_xo, W_ho, b_o = three()  # the output gate
    W_xc, W_hc, b_c = three()  # the candidate memory cell
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
              W_xc, W_hc, b_c, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


@converted(check_state)
def init_lstm_state(batch_size, num_hiddens, ctx):
    """Return the first state: H and C, zeros (batch_size, num_hiddens).

    >>> H, C = init_lstm_state(2, 3, ctx=None)
    >>> H.shape, C.shape
    ((2, 3), (2, 3))
    """
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),
            nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx))


@explained
def lstm(inputs, state, params):
    """Run a long short-term memory over the steps of a mini-batch.

    Take and return what ``rnn`` does; the state is the hidden state H and
    the memory cell C. Source: D2L (Chinese, first edition) 6.8.2; Hochreiter
    and Schmidhuber (1997).
    """
    (W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
     W_xc, W_hc, b_c, W_hq, b_q) = params
    H, C = state
    outputs = []
    for X in inputs:
        I = nd.sigmoid(nd.dot(X, W_xi) + nd.dot(H, W_hi) + b_i)
        F = nd.sigmoid(nd.dot(X, W_xf) + nd.dot(H, W_hf) + b_f)
        O = nd.sigmoid(nd.dot(X, W_xo) + nd.dot(H, W_ho) + b_o)
        C_tilde = nd.tanh(nd.dot(X, W_xc) + nd.dot(H, W_hc) + b_c)
        C = F * C + I * C_tilde
        H = O * nd.tanh(C)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H, C)


@converted(partial(check_sizes, reads_state=False))
def get_mingru_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of a minGRU on ``ctx``, ready for gradients.

    Return ``[W_xz, b_z, W_xh, b_h, W_hq, b_q]``, for the update gate, the
    candidate and the output, in the shapes and from the distributions of
    ``get_params``. Source: Feng et al. (2024).
    """
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def two():
        return (normal((vocab_size, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xz, b_z = two()  # the update gate
    W_xh, b_h = two()  # the candidate hidden state
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xz, b_z, W_xh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


@converted(check_state)
def init_mingru_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens)."""
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


@explained
def mingru(inputs, state, params):
    """Run a minGRU over the steps of a mini-batch.

    Take and return what ``rnn`` does. The update gate Z and the candidate
    read the input alone, never the state. Here Z is the share of the
    candidate; in ``gru``, that of the old state. Source: Feng, Tung, Ahmed,
    Bengio and Hajimirsadeghi (2024), "Were RNNs All We Needed?".
    """
    W_xz, b_z, W_xh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + b_z)
        H_tilde = nd.dot(X, W_xh) + b_h
        H = (1 - Z) * H + Z * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


@converted(partial(check_sizes, reads_state=False))
def get_minlstm_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of a minLSTM on ``ctx``, ready for gradients.

    Return ``[W_xi, b_i, W_xf, b_f, W_xh, b_h, W_hq, b_q]``, for the input and
    forget gates, the candidate and the output, in the shapes and from the
    distributions of ``get_params``. Source: Feng et al. (2024).
    """
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def two():
        return (normal((vocab_size, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xi, b_i = two()  # the input gate
    W_xf, b_f = two()  # the forget gate
    W_xh, b_h = two()  # the candidate hidden state
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xi, b_i, W_xf, b_f, W_xh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


@converted(check_state)
def init_minlstm_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens)."""
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


@explained
def minlstm(inputs, state, params):
    """Run a minLSTM over the steps of a mini-batch.

    Take and return what ``rnn`` does. The gates and the candidate read the
    input alone, never the state. Dividing the gates by their sum keeps the
    scale of the state the same at all steps, so there is no output gate. The
    state is NaN where both gates round to 0, as they do for arguments below
    -103. Source: Feng et al. (2024).
    """
    W_xi, b_i, W_xf, b_f, W_xh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        I = nd.sigmoid(nd.dot(X, W_xi) + b_i)
        F = nd.sigmoid(nd.dot(X, W_xf) + b_f)
        H_tilde = nd.dot(X, W_xh) + b_h
        H = F / (F + I) * H + I / (F + I) * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)
