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
