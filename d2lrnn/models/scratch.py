"""Recurrent cells from scratch, on ``mxnet.nd``, in the book's words.

A cell is three functions: one draws its parameters, one makes its first
state, and one runs it over the steps. A state is always a tuple.
"""
from d2lrnn.basics.checks import (
    check_function,
    check_memory,
    check_numbers,
    checked,
    converted,
    explained,
)
from d2lrnn.basics.environment import as_context
from mxnet import nd


def check_sizes(vocab_size, num_hiddens, ctx=None):
    """Check what parameters are drawn for, and return it to be used."""
    sizes = check_numbers(vocab_size=vocab_size, num_hiddens=num_hiddens)
    # each array and its gradient, of the smallest cell
    check_memory(2 * num_hiddens * (2 * vocab_size + num_hiddens),
                 f"parameters for vocab_size {vocab_size} and num_hiddens "
                 f"{num_hiddens}")
    return {**sizes, "ctx": ctx if ctx is None else as_context(ctx)}


def check_state(batch_size, num_hiddens, ctx):
    """Check what a state is made for, and return it to be used."""
    sizes = check_numbers(batch_size=batch_size, num_hiddens=num_hiddens)
    check_memory(batch_size * num_hiddens, f"a state for batch_size "
                 f"{batch_size} and num_hiddens {num_hiddens}")
    return {**sizes, "ctx": ctx if ctx is None else as_context(ctx)}


def check_layers(num_layers, **functions):
    """Check what is made of a cell, or of one of its functions."""
    for name, function in functions.items():
        check_function(name, function)
    return check_numbers(num_layers=num_layers)


def check_functions(**functions):
    """Check the functions that another function is made of."""
    for name, function in functions.items():
        check_function(name, function)


def check_onehot(X, size):
    """Check the size of one-hot vectors for a mini-batch of ids."""
    size = check_numbers(size=size)["size"]
    if not isinstance(X, nd.NDArray):
        raise ValueError(f"X is a {type(X).__name__}: give one of MXNet's "
                         f"arrays of ids")
    check_memory(X.size * size, f"one-hot vectors of size {size}")
    return {"size": size}


@converted(check_onehot)
@explained
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


@converted(check_sizes)
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


@converted(check_state)
def init_gru_state(batch_size, num_hiddens, ctx):
    """Return the first state: a tuple of zeros (batch_size, num_hiddens)."""
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


@explained
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


@converted(check_layers)
def get_deep_params(get_params, num_layers):
    """Return a function that draws the parameters of a stack of layers.

    It takes ``(vocab_size, num_hiddens, ctx)``, as ``get_params`` of one
    layer does, and returns the layers' parameters from the bottom up, then
    one W_hq and one b_q. Source: D2L (Chinese, first edition) 6.9.

    >>> params = get_deep_params(get_gru_params, 3)(10, 4)
    >>> len(params), params[0].shape, params[9].shape, params[-2].shape
    (29, (10, 4), (4, 4), (4, 10))
    """
    def get_params_of_layers(vocab_size, num_hiddens, ctx=None):
        *params, W_hq, b_q = get_params(vocab_size, num_hiddens, ctx)
        for _ in range(num_layers - 1):
            params += get_params(num_hiddens, num_hiddens, ctx)[:-2]
        return [*params, W_hq, b_q]

    return get_params_of_layers


@converted(check_layers)
def init_deep_state(init_state, num_layers):
    """Return a function that makes the first states of a stack of layers.

    >>> init_lstm_states = init_deep_state(init_lstm_state, 3)
    >>> [s.shape for s in init_lstm_states(2, 4, ctx=None)] == [(2, 4)] * 6
    True
    """
    def init_states(batch_size, num_hiddens, ctx):
        return sum((init_state(batch_size, num_hiddens, ctx)
                    for _ in range(num_layers)), ())

    return init_states


@converted(check_layers)
def deep(cell, num_layers):
    """Return a cell of ``num_layers`` layers of ``cell``, one on another.

    Each layer's hidden state is the input of the next; the output layer reads
    the last. The result takes and returns what ``rnn`` does, with the states
    of all layers in one tuple. Source: D2L (Chinese, first edition) 6.9.
    """
    def deep_cell(inputs, state, params):
        *params, W_hq, b_q = params
        num_params = len(params) // num_layers
        num_states = len(state) // num_layers
        states = [state[i * num_states:(i + 1) * num_states]
                  for i in range(num_layers)]
        outputs = []
        for X in inputs:
            for i in range(num_layers):
                layer = params[i * num_params:(i + 1) * num_params]
                (Y,), states[i] = cell([X], states[i], [*layer, W_hq, b_q])
                X = states[i][0]  # what the next layer reads
            outputs.append(Y)
        return outputs, sum(states, ())

    return deep_cell


@checked(check_functions)
def get_bi_params(get_params):
    """Return a function that draws parameters for both directions.

    It takes ``(vocab_size, num_hiddens, ctx)`` and returns the parameters of
    the forward cell, then those of the backward cell. Source: D2L (Chinese,
    first edition) 6.10.

    >>> len(get_bi_params(get_params)(10, 4))
    10
    """
    def get_params_of_both(vocab_size, num_hiddens, ctx=None):
        return [*get_params(vocab_size, num_hiddens, ctx),
                *get_params(vocab_size, num_hiddens, ctx)]

    return get_params_of_both


@checked(check_functions)
def init_bi_state(init_state):
    """Return a function that makes the first states of both directions.

    >>> [H.shape for H in init_bi_state(init_rnn_state)(2, 4, ctx=None)]
    [(2, 4), (2, 4)]
    """
    def init_states(batch_size, num_hiddens, ctx):
        return (*init_state(batch_size, num_hiddens, ctx),
                *init_state(batch_size, num_hiddens, ctx))

    return init_states


@checked(check_functions)
def bi(cell):
    """Return a cell that reads the steps in both directions.

    The scores of a step are the sum of both cells' scores, which is the
    product of both hidden states, side by side, with both W_hq, one below the
    other. The result takes and returns what ``rnn`` does. As a step's scores
    depend on the steps after it, it can fill in but not write on. Source: D2L
    (Chinese, first edition) 6.10; Schuster and Paliwal (1997).
    """
    def bi_cell(inputs, state, params):
        num_params, num_states = len(params) // 2, len(state) // 2
        forward, state_f = cell(inputs, state[:num_states],
                                params[:num_params])
        backward, state_b = cell(inputs[::-1], state[num_states:],
                                 params[num_params:])
        outputs = [Y_f + Y_b for Y_f, Y_b
                   in zip(forward, backward[::-1], strict=True)]
        return outputs, (*state_f, *state_b)

    return bi_cell
