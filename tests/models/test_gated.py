"""Gated cells: scratch = naive loops = Gluon = PyTorch, shared weights."""
import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from d2lrnn.models.cells import CELLS as TABLE
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

# all different, so that no transposed axis can hide
VOCAB_SIZE, NUM_HIDDENS, BATCH_SIZE, NUM_STEPS = 11, 7, 3, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(x, h, params):
    """Return the next state for one example; x is an id."""
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h = params
    z = sigmoid(W_xz[x] + h[0] @ W_hz + b_z)
    r = sigmoid(W_xr[x] + h[0] @ W_hr + b_r)
    candidate = np.tanh(W_xh[x] + (r * h[0]) @ W_hh + b_h)
    return (z * h[0] + (1 - z) * candidate,)


def lstm_step(x, state, params):
    """Return the next state for one example; x is an id."""
    h, c = state
    (W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
     W_xc, W_hc, b_c) = params
    i, f, o = (sigmoid(W_x[x] + h @ W_h + b) for W_x, W_h, b in (
        (W_xi, W_hi, b_i), (W_xf, W_hf, b_f), (W_xo, W_ho, b_o)))
    c = f * c + i * np.tanh(W_xc[x] + h @ W_hc + b_c)
    return o * np.tanh(c), c


def mingru_step(x, h, params):
    """Return the next state for one example; x is an id."""
    W_xz, b_z, W_xh, b_h = params
    z = sigmoid(W_xz[x] + b_z)
    return ((1 - z) * h[0] + z * (W_xh[x] + b_h),)


def minlstm_step(x, h, params):
    """Return the next state for one example; x is an id."""
    W_xi, b_i, W_xf, b_f, W_xh, b_h = params
    i, f = sigmoid(W_xi[x] + b_i), sigmoid(W_xf[x] + b_f)
    return ((f * h[0] + i * (W_xh[x] + b_h)) / (f + i),)


CELLS = {name: (getattr(d2l, name), getattr(d2l, f"get_{name}_params"),
                getattr(d2l, f"init_{name}_state"), step)
         for name, step in {"gru": gru_step, "lstm": lstm_step,
                            "mingru": mingru_step,
                            "minlstm": minlstm_step}.items()}
every = pytest.mark.parametrize("name", CELLS)
# those that Gluon and PyTorch have a layer of
both = pytest.mark.parametrize("name", ("gru", "lstm"))


def naive(step, X, Y, state, params):
    """Return loss, scores and last state, one example and step at a time."""
    *cell, W_hq, b_q = params
    loss, scores, last = 0.0, np.zeros((NUM_STEPS, BATCH_SIZE, VOCAB_SIZE)), []
    for n in range(BATCH_SIZE):
        s = tuple(array[n] for array in state)
        for t in range(NUM_STEPS):
            s = step(X[n, t], s, cell)
            y = scores[t, n] = s[0] @ W_hq + b_q
            loss -= y[Y[n, t]] - np.log(np.exp(y).sum())
        last.append(s)
    return (loss / Y.size, scores.reshape(-1, VOCAB_SIZE),
            [np.stack(arrays) for arrays in zip(*last, strict=True)])


@pytest.fixture
def problem(name, ctx):
    """Weights of a size where gates bend, a batch, and a first state."""
    cell, get_params, init_state, step = CELLS[name]
    params = get_params(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.7, shape=param.shape, ctx=ctx)
    X = np.random.randint(VOCAB_SIZE, size=(BATCH_SIZE, NUM_STEPS))
    Y = np.random.randint(VOCAB_SIZE, size=(BATCH_SIZE, NUM_STEPS))
    state = [np.random.normal(size=s.shape).astype("float32")
             for s in init_state(BATCH_SIZE, NUM_HIDDENS, ctx)]
    return cell, step, params, X, Y, state


def run(cell, params, X, Y, state, ctx):
    """Return loss, scores and last state of a cell; gradients in params."""
    with autograd.record():
        inputs = d2l.to_onehot(nd.array(X, ctx=ctx), VOCAB_SIZE)
        outputs, last = cell(inputs, [nd.array(s, ctx=ctx) for s in state],
                             params)
        outputs = nd.concat(*outputs, dim=0)
        y = nd.array(Y, ctx=ctx).T.reshape((-1,))
        l = gloss.SoftmaxCrossEntropyLoss()(outputs, y).mean()
    l.backward()
    return l.asscalar(), outputs.asnumpy(), [s.asnumpy() for s in last]


def close(got, want):
    """Each step adds a state's and an input's numbers up, there and back."""
    oracle.close(got, want, 2 * NUM_STEPS * (VOCAB_SIZE + NUM_HIDDENS))


@every
def test_scratch_equals_naive_loops(name, problem, ctx):
    cell, step, params, X, Y, state = problem
    weights = [p.asnumpy().astype(np.float64) for p in params]
    want = naive(step, X, Y, state, weights)
    got = run(cell, params, X, Y, state, ctx)
    assert isinstance(cell([], tuple(state), params)[1], tuple)
    close(got[0], want[0])
    close(got[1], want[1])
    for a, b in zip(got[2], want[2], strict=True):
        close(a, b)


@every
def test_gradients_are_numeric_gradients(name, problem, ctx):
    cell, step, params, X, Y, state = problem
    run(cell, params, X, Y, state, ctx)
    weights = [p.asnumpy().astype(np.float64) for p in params]
    for param, weight in zip(params, weights, strict=True):
        for _ in range(5):
            index = tuple(np.random.randint(n) for n in weight.shape)
            kept, losses = weight[index], []
            for value in (kept + 1e-5, kept - 1e-5):
                weight[index] = value
                losses.append(naive(step, X, Y, state, weights)[0])
            weight[index] = kept
            close(param.grad.asnumpy()[index],
                  (losses[0] - losses[1]) / 2e-5)


# where the layers keep the gates: Gluon's and PyTorch's order is the same
ORDER = {"gru": (1, 0, 2), "lstm": (0, 1, 3, 2)}


def stacked(name, arrays):
    """Return i2h, h2h and bias of all gates as the layers stack them."""
    gates = [arrays[3 * i:3 * i + 3] for i in ORDER[name]]
    return [np.concatenate([part.T for part in parts])
            for parts in zip(*gates, strict=True)]


def unstacked(name, parts):
    """Return the inverse of ``stacked``, as a list of arrays."""
    pieces = [np.split(part, len(ORDER[name])) for part in parts]
    gates = dict(zip(ORDER[name], zip(*pieces, strict=True), strict=True))
    return [piece.T for i in sorted(gates) for piece in gates[i]]


def layer_is_the_same(name, problem):
    """Make the place of the reset gate in the layers matter no more."""
    if name == "gru":
        problem[2][7][:] = 0  # W_hh


@both
def test_gluon_equals_scratch(name, problem, ctx):
    layer_is_the_same(name, problem)
    cell, _, params, X, Y, state = problem
    loss, scores, last = run(cell, params, X, Y, state, ctx)
    layer = {"gru": rnn_layers.GRU, "lstm": rnn_layers.LSTM}[name](
        NUM_HIDDENS, input_size=VOCAB_SIZE)
    model = d2l.RNNModel(layer, VOCAB_SIZE)
    model.initialize(ctx=ctx)
    states = [nd.array(s, ctx=ctx).expand_dims(0) for s in state]
    model(nd.array(X, ctx=ctx), states)
    weights = [p.asnumpy() for p in params]
    parts = (layer.l0_i2h_weight, layer.l0_h2h_weight, layer.l0_i2h_bias)
    for part, value in zip(parts, stacked(name, weights[:-2]), strict=True):
        part.set_data(nd.array(value, ctx=ctx))
    layer.l0_h2h_bias.set_data(nd.zeros_like(layer.l0_h2h_bias.data(ctx)))
    model.dense.weight.set_data(params[-2].T)
    model.dense.bias.set_data(params[-1])
    with autograd.record():
        output, new = model(nd.array(X, ctx=ctx), states)
        y = nd.array(Y, ctx=ctx).T.reshape((-1,))
        l = gloss.SoftmaxCrossEntropyLoss()(output, y).mean()
    l.backward()
    close(l.asscalar(), loss)
    close(output.asnumpy(), scores)
    for a, b in zip(new, last, strict=True):
        close(a[0].asnumpy(), b)
    grads = unstacked(name, [part.grad(ctx).asnumpy() for part in parts])
    compare_gradients(name, grads, params)


@both
def test_pytorch_equals_scratch(name, problem, ctx):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    layer_is_the_same(name, problem)
    cell, _, params, X, Y, state = problem
    loss, scores, last = run(cell, params, X, Y, state, ctx)
    weights = [p.asnumpy() for p in params]
    parts = [torch.tensor(part, requires_grad=True)
             for part in stacked(name, weights[:-2])]
    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[name](
        VOCAB_SIZE, NUM_HIDDENS)
    onehot = torch.nn.functional.one_hot(torch.tensor(X.T), VOCAB_SIZE)
    states = [torch.tensor(s)[None] for s in state]
    outputs, new = torch.func.functional_call(
        layer, {"weight_ih_l0": parts[0], "weight_hh_l0": parts[1],
                "bias_ih_l0": parts[2],
                "bias_hh_l0": torch.zeros_like(parts[2])},
        (onehot.float(), states[0] if name == "gru" else tuple(states)))
    output = outputs.reshape(-1, NUM_HIDDENS) @ torch.tensor(
        weights[-2]) + torch.tensor(weights[-1])
    l = torch.nn.functional.cross_entropy(
        output, torch.tensor(Y.T.reshape(-1)))
    l.backward()
    close(l.item(), loss)
    close(output.detach().numpy(), scores)
    for a, b in zip([new] if name == "gru" else new, last, strict=True):
        close(a[0].detach().numpy(), b)
    compare_gradients(name, unstacked(name, [p.grad.numpy() for p in parts]),
                      params)


def compare_gradients(name, grads, params):
    for i, (grad, param) in enumerate(zip(grads, params[:-2], strict=True)):
        if name == "gru" and i == 7:
            continue  # W_hh: there the layer's gate acts after the product
        close(grad, param.grad.asnumpy())


def test_gluon_and_pytorch_agree_on_the_gru_that_they_share(ctx):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    ours = rnn_layers.GRU(NUM_HIDDENS, input_size=VOCAB_SIZE)
    ours.initialize(ctx=ctx)
    theirs = torch.nn.GRU(VOCAB_SIZE, NUM_HIDDENS)
    parts = {"weight_ih_l0": ours.l0_i2h_weight,
             "weight_hh_l0": ours.l0_h2h_weight,
             "bias_ih_l0": ours.l0_i2h_bias, "bias_hh_l0": ours.l0_h2h_bias}
    for name, part in parts.items():
        part.set_data(nd.array(getattr(theirs, name).detach().numpy(),
                               ctx=ctx))
    X = np.random.normal(size=(NUM_STEPS, BATCH_SIZE, VOCAB_SIZE)).astype(
        "float32")
    close(ours(nd.array(X, ctx=ctx)).asnumpy(),
          theirs(torch.tensor(X))[0].detach().numpy())


@every
def test_parameters_and_states(name, ctx):
    _, get_params, init_state, _ = CELLS[name]
    params = get_params(500, 80, ctx)
    gate = [(500, 80), *[(80, 80)] * TABLE[name].reads_state, (80,)]
    assert [p.shape for p in params] == TABLE[name].num_gates * gate + [
        (80, 500), (500,)]
    for param in params:
        assert param.context == ctx and param.grad.context == ctx
        spread = 0.01 if param.ndim == 2 else 0
        assert abs(param.asnumpy().std() - spread) < 5e-4
    state = init_state(4, 80, ctx)
    assert isinstance(state, tuple) and len(state) == TABLE[name].num_states
    assert all(s.shape == (4, 80) and not s.asnumpy().any() for s in state)


@every
def test_abc_is_learned(name, abc, ctx):
    corpus_indices, char_to_idx, idx_to_char, vocab_size = abc
    history = d2l.train_and_predict_rnn(
        *CELLS[name][:3], 16, vocab_size, ctx, corpus_indices, idx_to_char,
        char_to_idx, False, 15, 10, 20.0, 0.1, 16, 15, 6, ["ab"])
    assert history[-1]["perplexity"] < 1.05
    assert history[-1]["lyrics"] == ["abcabcab"]


@every
def test_the_step_is_compiled(name, problem, ctx):
    """No cell falls back to the slow way."""
    cell, _, params, X, Y, state = problem
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, *state):
        outputs, state = cell(d2l.to_onehot(X, VOCAB_SIZE), state, params)
        outputs = nd.concat(*outputs, dim=0)
        return [loss(outputs, Y.T.reshape((-1,))).mean(), *state]

    traced = d2l.Traced(step, params)
    with autograd.record():
        l = traced(nd.array(X, ctx=ctx), nd.array(Y, ctx=ctx),
                   *(nd.array(s, ctx=ctx) for s in state))[0]
    l.backward()
    close(l.asscalar(), run(cell, params, X, Y, state, ctx)[0])
    assert traced.reasons == []
