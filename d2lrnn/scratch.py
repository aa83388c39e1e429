"""Recurrent cells from scratch, on ``mxnet.nd``, in the book's words.

A cell is three functions: one draws its parameters, one makes its first
state, and one runs it over the steps. A state is always a tuple.
"""
from mxnet import nd


def to_onehot(X, size):
    """Turn a mini-batch of ids into one-hot vectors, one array a step.

    X has shape (batch_size, num_steps), or (batch_size,) for a single step;
    return num_steps arrays of shape (batch_size, size). Source: D2L (Chinese,
    first edition) 6.4.1.

    >>> X = nd.array([[0, 2], [1, 0]])
    >>> [x.asnumpy().tolist() for x in to_onehot(X, 3)]
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    return [nd.one_hot(x, size) for x in X.T]


def get_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of an RNN on ``ctx``, ready for gradients.

    Return ``[W_xh, W_hh, b_h, W_hq, b_q]`` of shapes (vocab_size,
    num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,), (num_hiddens,
    vocab_size) and (vocab_size,): weights from a normal distribution of
    standard deviation 0.01, biases zero. Source: D2L (Chinese, first edition)
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


def init_rnn_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens).

    >>> (H,) = init_rnn_state(2, 3, ctx=None)
    >>> H.shape
    (2, 3)
    """
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


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


def get_gru_params(vocab_size, num_hiddens, ctx=None):
    """Draw the parameters of a GRU on ``ctx``, ready for gradients.

    Return ``[W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]``,
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


def init_gru_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens)."""
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def gru(inputs, state, params):
    """Run a gated recurrent unit over the steps of a mini-batch.

    Takes and returns what ``rnn`` does. The reset gate R acts on the state
    before its product with W_hh, as in the book; the layers of Gluon and
    PyTorch let it act after. Source: D2L (Chinese, first edition) 6.7.2; Cho
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


def init_lstm_state(batch_size, num_hiddens, ctx):
    """Return the first state: H and C, zeros (batch_size, num_hiddens).

    >>> H, C = init_lstm_state(2, 3, ctx=None)
    >>> H.shape, C.shape
    ((2, 3), (2, 3))
    """
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),
            nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx))


def lstm(inputs, state, params):
    """Run a long short-term memory over the steps of a mini-batch.

    Takes and returns what ``rnn`` does; the state is the hidden state H and
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
