"""CharRNN: its three unrolls = PyTorch = Gluon = scratch = naive loops."""
from itertools import product

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import oracle
import pytest
from d2lrnn.models.cells import CELLS
from mxnet import autograd, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

# all different, so that no transposed axis can hide
VOCAB_SIZE, EMBED_SIZE, NUM_HIDDENS, NUM_LAYERS = 11, 6, 7, 3
BATCH_SIZE, NUM_STEPS = 4, 5
SIZES = {"vocab_size": VOCAB_SIZE, "embed_size": EMBED_SIZE,
         "num_hiddens": NUM_HIDDENS, "num_layers": NUM_LAYERS}
UNROLLS = ("static", "foreach", "fused")
# the cells that Gluon and PyTorch have a layer of, and the others
LAYERS = [name for name, cell in CELLS.items() if cell.mode]
OTHERS = [name for name in CELLS if name not in LAYERS]


def ways(*cells):
    """Run a test for each cell, unroll and mode of execution."""
    return pytest.mark.parametrize("cell, unroll, hybrid", list(product(
        cells, UNROLLS, (False, True))))


def build(cell, unroll, hybrid, ctx, **settings):
    """Return a model with weights of a size where gates bend."""
    model = d2l.CharRNN(cell=cell, unroll=unroll, **{**SIZES, **settings})
    model.initialize(ctx=ctx)
    set_weights(model, [np.random.normal(scale=0.5, size=param.shape)
                        for param in params_of(model)], ctx)
    if hybrid:
        model.hybridize(static_alloc=True, static_shape=True)
    return model


def params_of(model):
    return list(model.collect_params().values())


def weights_of(model, ctx):
    return [param.data(ctx).asnumpy().astype(np.float64)
            for param in params_of(model)]


def set_weights(model, weights, ctx):
    for param, weight in zip(params_of(model), weights, strict=True):
        param.set_data(nd.array(weight, ctx=ctx))


def draw(model, ctx, count, batch_size=BATCH_SIZE, num_steps=NUM_STEPS):
    """Return batches and a first state."""
    ids = nd.random.randint(0, VOCAB_SIZE, (count, 2, batch_size, num_steps),
                            ctx=ctx).astype("float32")
    return [tuple(batch) for batch in ids], tuple(
        nd.random.normal(shape=s.shape, ctx=ctx)
        for s in model.begin_state(batch_size, ctx))


def loss_of(output, Y):
    return gloss.SoftmaxCrossEntropyLoss()(output, Y.T.reshape((-1,))).mean()


def run(model, batches, state, ctx, between=False):
    """Return loss, scores, last state and gradients of each batch.

    They are copied after the last, to see what a later batch overwrites.
    """
    results = []
    for X, Y in batches:
        state = tuple(s.detach() for s in state)
        with autograd.record():
            output, state = model(X, state)
            l = loss_of(output, Y)
        if between:  # loss and gradient
            model(X[:, :1], state)
        l.backward()
        results.append([l, output, *state,
                        *(p.grad(ctx).copy() for p in params_of(model))])
    return [[array.asnumpy() for array in result] for result in results]


def compare(got, want):
    """Compare lists of arrays, or of such lists.

    Each step adds two states' numbers up a layer, there and back.
    """
    for a, b in zip(got, want, strict=True):
        if isinstance(a, list):
            compare(a, b)
            continue
        oracle.close(np.squeeze(a), np.squeeze(b),
                     2 * NUM_STEPS * NUM_LAYERS * (VOCAB_SIZE + NUM_HIDDENS))


def run_torch(torch, cell, weights, batches, state):
    """Return what ``run`` does; the parameters have the same order."""
    layer = getattr(torch.nn, cell.upper())(EMBED_SIZE, NUM_HIDDENS,
                                            NUM_LAYERS)
    embedding = torch.nn.Embedding(VOCAB_SIZE, EMBED_SIZE)
    linear = torch.nn.Linear(NUM_HIDDENS, VOCAB_SIZE)
    params = list(torch.nn.ModuleList([embedding, layer, linear]).parameters())
    for param, weight in zip(params, weights, strict=True):
        param.data = torch.tensor(weight).float()
    n = len(state) // NUM_LAYERS
    state = [torch.stack([torch.tensor(s.asnumpy()) for s in state[i::n]])
             for i in range(n)]
    results = []
    for batch in batches:
        X, Y = (torch.tensor(ids.T.asnumpy()).long() for ids in batch)
        state = [s.detach() for s in state]
        Z, state = layer(embedding(X), tuple(state) if n == 2 else state[0])
        state = state if n == 2 else [state]
        output = linear(Z).reshape(-1, VOCAB_SIZE)
        l = torch.nn.functional.cross_entropy(output, Y.reshape(-1))
        last = [s[i] for i in range(NUM_LAYERS) for s in state]
        arrays = (l, output, *last, *torch.autograd.grad(l, params))
        results.append([array.detach().numpy() for array in arrays])
    return results


@ways(*LAYERS)
def test_pytorch_is_equal(cell, unroll, hybrid, ctx):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    model = build(cell, unroll, hybrid, ctx)
    batches, state = draw(model, ctx, 3)
    compare(run(model, batches, state, ctx),
            run_torch(torch, cell, weights_of(model, ctx), batches, state))


@ways(*LAYERS)
def test_gluon_is_equal(cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx, embed_size=None)
    batches, state = draw(model, ctx, 3)
    n = len(state) // NUM_LAYERS
    got = run(model, batches, state, ctx)
    options = {"activation": "tanh"} if cell == "rnn" else {}
    layer = getattr(rnn_layers, cell.upper())(
        NUM_HIDDENS, NUM_LAYERS, input_size=VOCAB_SIZE, **options)
    reference = d2l.RNNModel(layer, VOCAB_SIZE)
    reference.initialize(ctx=ctx)
    state = [nd.stack(*state[i::n]) for i in range(n)]
    reference(batches[0][0], state)  # now its parameters have shapes
    set_weights(reference, weights_of(model, ctx), ctx)
    want = run(reference, batches, state, ctx)
    for result in want:
        result[2:2 + n] = [s[i] for i in range(NUM_LAYERS)
                           for s in result[2:2 + n]]
    compare(got, want)


SCRATCH = {"rnn": (d2l.rnn, d2l.get_params, (0,)),
           "gru": (d2l.gru, d2l.get_gru_params, (1, 0, 2)),
           "lstm": (d2l.lstm, d2l.get_lstm_params, (0, 1, 3, 2)),
           "mingru": (d2l.mingru, d2l.get_mingru_params, (0, 1)),
           "minlstm": (d2l.minlstm, d2l.get_minlstm_params, (0, 1, 2))}


def as_layers(arrays, order):
    """Return parameters from scratch as the layers stack their gates."""
    *gates, W_hq, b_q = (array.asnumpy().T for array in arrays)
    n = len(gates) // len(order)
    parts = [np.concatenate([gates[n * i + part] for i in order])
             for part in range(n)]
    if n == 3:  # a layer with h2h_weight has a second bias
        parts.append(np.zeros_like(parts[-1]))
    return [*parts, W_hq, b_q]


@ways(*SCRATCH)
def test_scratch_is_equal(cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx, embed_size=None, num_layers=1)
    function, get_params, order = SCRATCH[cell]
    params = get_params(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.7, shape=param.shape, ctx=ctx)
    if cell == "gru":
        params[7][:] = 0  # W_hh: there the layer's gate follows the product
    set_weights(model, as_layers(params, order), ctx)
    ((X, Y),), state = batches, _ = draw(model, ctx, 1)
    with autograd.record():
        outputs, last = function(d2l.to_onehot(X, VOCAB_SIZE), state, params)
        output = nd.concat(*outputs, dim=0)
        l = loss_of(output, Y)
    l.backward()
    want = [array.asnumpy() for array in (l, output, *last)]
    want += as_layers([param.grad for param in params], order)
    (got,) = run(model, batches, state, ctx)
    for result in (got, want):
        if CELLS[cell].reads_state:
            del result[-3]  # scratch has no second bias
        if cell == "gru":
            result[-4] = result[-4][:2 * NUM_HIDDENS]
    compare(got, want)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def ln_lstm_step(x, h, c, W, U, gamma, beta):
    """Return the next state of one example, gate by gate."""
    gates = []
    for k in range(4):
        rows = slice(k * len(h), (k + 1) * len(h))
        z = W[rows] @ x + U[rows] @ h
        z = (z - z.mean()) / np.sqrt(((z - z.mean()) ** 2).mean() + 1e-5)
        gates.append(gamma[rows] * z + beta[rows])
    i, f, g, o = gates
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def mingru_step(x, h, W, b):
    """Return the next state of one example, unit by unit."""
    z, new = np.split(W @ x + b, 2)
    z = sigmoid(z)
    return (np.array([(1 - z[j]) * h[j] + z[j] * new[j]
                      for j in range(len(h))]),)


def minlstm_step(x, h, W, b):
    """Return the next state of one example, unit by unit."""
    i, f, new = np.split(W @ x + b, 3)
    i, f = sigmoid(i), sigmoid(f)
    return (np.array([(f[j] * h[j] + i[j] * new[j]) / (f[j] + i[j])
                      for j in range(len(h))]),)


STEPS = {"ln_lstm": ln_lstm_step, "mingru": mingru_step,
         "minlstm": minlstm_step}


def naive(cell, weights, X, Y, state):
    """Return loss, scores and last state, one example and step at a time."""
    table, *layers, W, b = weights
    n, k = len(CELLS[cell].params), CELLS[cell].num_states
    layers = [layers[i:i + n] for i in range(0, len(layers), n)]
    X, Y = (ids.asnumpy().astype(int) for ids in (X, Y))
    loss, scores, last = 0.0, np.zeros((NUM_STEPS, BATCH_SIZE, len(b))), []
    for n in range(BATCH_SIZE):
        s = [array[n].asnumpy().astype(np.float64) for array in state]
        for t in range(NUM_STEPS):
            x = table[X[n, t]]
            for i, layer in enumerate(layers):
                own = slice(k * i, k * i + k)
                s[own] = STEPS[cell](x, *s[own], *layer)
                x = s[k * i]
            y = scores[t, n] = W @ x + b
            loss -= y[Y[n, t]] - np.log(np.exp(y).sum())
        last.append(s)
    return [loss / Y.size, scores.reshape(-1, len(b)),
            *(np.stack(arrays) for arrays in zip(*last, strict=True))]


@ways(*OTHERS)
def test_naive_loops_are_equal(cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx)
    batches, state = draw(model, ctx, 3)
    for batch, result in zip(batches, run(model, batches, state, ctx),
                             strict=True):
        got = result[:2 + len(state)]
        compare(got, naive(cell, weights_of(model, ctx), *batch, state))
        state = [nd.array(s) for s in got[2:]]


@pytest.mark.parametrize("cell, tied", list(product(OTHERS, (False, True))))
def test_gradients_are_numeric_gradients(cell, tied, ctx):
    models = [build(cell, unroll, hybrid, ctx, tie_weights=tied,
                    embed_size=NUM_HIDDENS if tied else EMBED_SIZE)
              for unroll in UNROLLS for hybrid in (False, True)]
    assert (models[0].output.weight is models[0].embedding.weight) == tied
    weights, grads = weights_of(models[0], ctx), []
    assert len(weights) == 3 + len(CELLS[cell].params) * NUM_LAYERS - tied
    batches, state = draw(models[0], ctx, 1)
    for model in models:
        set_weights(model, weights, ctx)
        grads.append(run(model, batches, state, ctx)[0][-len(weights):])
    every = [*weights[:-1], weights[0], weights[-1]] if tied else weights
    for k, weight in enumerate(weights):
        for _ in range(4):
            index = tuple(np.random.randint(n) for n in weight.shape)
            kept, losses = weight[index], []
            for value in (kept + 1e-5, kept - 1e-5):
                weight[index] = value
                losses.append(naive(cell, every, *batches[0], state)[0])
            weight[index] = kept
            compare([grad[k][index] for grad in grads],
                    [(losses[0] - losses[1]) / 2e-5] * len(models))
        if weight.shape == (CELLS[cell].num_gates * NUM_HIDDENS,):
            # a scale, a shift or a bias: each number of it matters
            assert grads[0][k].all()


def forward(model, X, state, training=True):
    """Return scores and last state as one list of NumPy arrays."""
    with autograd.train_mode() if training else autograd.predict_mode():
        output, state = model(X, state)
    return [output.asnumpy(), *(s.asnumpy() for s in state)]


def equal(a, b):
    return [(x == y).all() for x, y in zip(a, b, strict=True)]


@ways(*CELLS)
def test_dropout_is_for_training_alone_and_can_be_repeated(cell, unroll,
                                                           hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx, dropout=0.9)
    plain = build(cell, unroll, hybrid, ctx)
    set_weights(plain, weights_of(model, ctx), ctx)
    ((X, _),), state = draw(model, ctx, 1)
    mx.random.seed(3)
    first, second = (forward(model, X, state) for _ in "12")
    mx.random.seed(3)
    again = [forward(model, X, state) for _ in "12"]
    evaluation = forward(model, X, state, training=False)
    assert not any(equal(first, second))
    assert all(equal(first, again[0])) and all(equal(second, again[1]))
    assert not any(equal(first, evaluation))
    without = forward(plain, X, state, training=False)
    # a compiled graph without Dropout may round the last bit otherwise
    assert hybrid or all(equal(evaluation, without))
    compare(evaluation, without)


@ways(*CELLS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_dropout_spares_the_recurrent_path(cell, unroll, hybrid, num_layers,
                                           ctx):
    """Inputs of zeros stay zeros: the first layer must not notice."""
    model, plain = (build(cell, unroll, hybrid, ctx, num_layers=num_layers,
                          dropout=dropout) for dropout in (0.5, 0.0))
    table, *others = weights_of(model, ctx)
    ((X, _),), state = draw(model, ctx, 1)
    results = []
    for either in (model, plain):
        set_weights(either, [0 * table, *others], ctx)
        results.append(forward(either, X, state))
    changed = [abs(a - b).max() > 1e-5 for a, b in zip(*results, strict=True)]
    # the scores, not the first layer's state, the states of those above
    n = len(state) // num_layers
    assert changed == [True] + n * [False] + (len(state) - n) * [True]


@ways("rnn")
@pytest.mark.parametrize("variational", [False, True])
def test_dropout_drops_its_share_in_each_place(cell, unroll, hybrid,
                                               variational, ctx):
    """With weights that pass everything on, each mask can be read."""
    p, n, batch_size = 0.25, 8, 600
    model = build(cell, unroll, hybrid, ctx, vocab_size=n, embed_size=n,
                  num_hiddens=n, num_layers=2, dropout=p,
                  variational=variational)
    table, one = np.random.uniform(0.2, 0.5, size=(n, n)), np.eye(n)
    layer = [one, np.zeros((n, n)), np.zeros(n), np.zeros(n)]
    set_weights(model, [table, *layer, *layer, one, np.zeros(n)], ctx)
    X = np.random.randint(n, size=(batch_size, 3))
    scores, first, second = forward(
        model, nd.array(X, ctx=ctx), model.begin_state(batch_size, ctx))
    scores = scores.reshape(3, batch_size, n)
    for before, after in ((table[X[:, -1]], np.arctanh(first)),
                          (first, np.arctanh(second)), (second, scores[-1])):
        ratio = after[before > 0] / before[before > 0]
        assert abs((ratio == 0).mean() - p) < 0.04
        assert abs(ratio[ratio > 0] * (1 - p) - 1).max() < 1e-4
    by_step = scores == 0
    assert (by_step[:, 0] != by_step[:, 1]).any()  # another for each example
    if not variational:
        assert (by_step[0] != by_step[1]).any()  # and for each step


@ways("rnn")
def test_variational_masks_are_the_same_in_all_steps(cell, unroll, hybrid,
                                                     ctx):
    """The same id in each step, and nothing remembered: equal scores."""
    n = 8
    model = build(cell, unroll, hybrid, ctx, vocab_size=n, embed_size=n,
                  num_hiddens=n, num_layers=2, dropout=0.5, variational=True)
    weights = weights_of(model, ctx)
    for i in (2, 6):  # the recurrent weights of both layers
        weights[i][:] = 0
    set_weights(model, weights, ctx)
    X = nd.array(np.arange(n).repeat(3).reshape(n, 3), ctx=ctx)
    scores, *_ = forward(model, X, model.begin_state(n, ctx))
    steps = scores.reshape(3, n, n)
    np.testing.assert_allclose(steps[1], steps[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(steps[2], steps[0], rtol=1e-5, atol=1e-6)
    other, *_ = forward(model, X, model.begin_state(n, ctx))
    assert not np.allclose(other, scores)


@ways("rnn")
def test_weight_drop_has_one_mask_for_all_steps(cell, unroll, hybrid, ctx):
    """From a state that is one unit, the weights that are left can be read."""
    p, n = 0.25, 40
    model = build(cell, unroll, hybrid, ctx, num_hiddens=n, num_layers=1,
                  weight_drop=p)
    W = np.random.uniform(0.1, 0.3, size=(n, n))
    set_weights(model, [np.zeros_like(w) if w.shape != (n, n) else W
                        for w in weights_of(model, ctx)], ctx)
    X, state = nd.zeros((n, 1), ctx=ctx), (nd.eye(n, ctx=ctx),)

    def left(num_steps, training=True):
        mx.random.seed(3)
        _, H = forward(model, nd.zeros((n, num_steps), ctx=ctx), state,
                       training)
        return np.arctanh(H).T  # (to, from)

    once = left(1)
    assert abs((once == 0).mean() - p) < 0.05
    kept = once != 0
    np.testing.assert_allclose(once[kept], W[kept] / (1 - p), rtol=1e-4)
    twice = once @ np.tanh(once)
    np.testing.assert_allclose(left(2), twice, rtol=1e-3)
    np.testing.assert_allclose(left(1, training=False), W, rtol=1e-4)
    with autograd.record():
        _, (H,) = model(X, state)
    H.backward()
    gradient = params_of(model)[2].grad(ctx).asnumpy()
    np.testing.assert_array_equal(gradient != 0, H.asnumpy().T != 0)


@ways(*(cell for cell in CELLS if CELLS[cell].reads_state))
def test_weight_drop_is_for_training_alone_and_can_be_repeated(
        cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx, weight_drop=0.5)
    ((X, _),), state = draw(model, ctx, 1)
    mx.random.seed(3)
    first, second = (forward(model, X, state) for _ in "12")
    mx.random.seed(3)
    again = forward(model, X, state)
    assert not any(equal(first, second)) and all(equal(first, again))
    plain = build(cell, unroll, hybrid, ctx)
    set_weights(plain, weights_of(model, ctx), ctx)
    compare(forward(model, X, state, training=False),
            forward(plain, X, state, training=False))


@ways(*CELLS)
def test_lengths_and_batch_sizes_may_change(cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx)
    reference = build(cell, "foreach", False, ctx)
    set_weights(reference, weights_of(model, ctx), ctx)
    num_states = NUM_LAYERS * CELLS[cell].num_states
    for num_steps, batch_size in ((1, 4), (5, 4), (1, 4), (5, 2), (1, 6)):
        batches, state = draw(model, ctx, 2, batch_size, num_steps)
        compare(run(model, batches, state, ctx, between=True),
                run(reference, batches, state, ctx))
        first = model.begin_state(batch_size=batch_size, ctx=ctx)
        output, last = model(batches[0][0], first)
        assert not any(s.asnumpy().any() for s in first)
        assert output.shape == (num_steps * batch_size, VOCAB_SIZE)
        for s in (first, last):
            assert isinstance(s, tuple) and len(s) == num_states
            assert {a.shape for a in s} == {(batch_size, NUM_HIDDENS)}


@pytest.mark.parametrize("cell, unroll", [
    *zip(LAYERS, UNROLLS, strict=True),
    *((cell, "static") for cell in OTHERS)])
def test_abc_is_learned(cell, unroll, abc, ctx):
    corpus_indices, char_to_idx, idx_to_char, vocab_size = abc
    model = build(cell, unroll, True, ctx, vocab_size=vocab_size,
                  embed_size=None, num_hiddens=16, num_layers=1)
    history = d2l.train_and_predict_rnn_gluon(
        model, 16, vocab_size, ctx, corpus_indices, idx_to_char, char_to_idx,
        15, 10, 20.0, 0.1, 16, 15, 6, ["ab"])
    assert history[-1]["perplexity"] < 1.1
    assert history[-1]["lyrics"] == ["abcabcab"]  # predict_rnn_gluon's


@ways(*CELLS)
def test_first_weights(cell, unroll, hybrid, ctx):
    model = build(cell, unroll, hybrid, ctx)
    forget = {"lstm": "_i2h_bias", "ln_lstm": "_beta"}.get(cell, "none")
    model.initialize(init.Normal(0.01), ctx=ctx, force_reinit=True)
    for param in params_of(model):
        value, name = param.data(ctx).asnumpy(), param.name.rsplit("_")[-1]
        if name == "weight":
            scale = 1 if "embedding" in param.name else 0.01
            # of n draws the deviation is right to one part in sqrt(2 n)
            assert abs(value.std() / scale - 1) < 6 / (2 * value.size) ** 0.5
            continue
        want = np.full_like(value, name == "gamma")
        if param.name.endswith(forget):
            want[NUM_HIDDENS:2 * NUM_HIDDENS] = 1  # the forget gate's
        np.testing.assert_array_equal(value, want)


@pytest.mark.parametrize("name, value", [
    *((name, value) for name in SIZES for value in (0, -1, 2.5, "5", True)),
    ("cell", "LSTM"), ("cell", None), ("cell", ["lstm"]), ("unroll", "scan"),
    ("unroll", None), ("dropout", -0.1), ("dropout", 1), ("dropout", "0.5"),
    ("dropout", float("nan")), ("dropout", None), ("weight_drop", 1),
    ("weight_drop", -0.5), ("variational", "yes")])
def test_a_bad_setting_is_named(name, value):
    with pytest.raises(ValueError) as error:
        d2l.CharRNN(**{**SIZES, name: value})
    message = str(error.value)
    assert message.startswith(name) and repr(value) in message
    assert ": " in message and ". " not in message and "\n" not in message


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_there_are_recurrent_weights_to_drop(cell):
    with pytest.raises(ValueError, match=f"^weight_drop is 0.5, .* {cell} "):
        d2l.CharRNN(**SIZES, cell=cell, weight_drop=0.5)
    d2l.CharRNN(**SIZES, cell=cell, weight_drop=0.0)


@pytest.mark.parametrize("size", [EMBED_SIZE, None])
def test_unlike_weights_cannot_be_tied(size):
    with pytest.raises(ValueError, match=rf"^tie_weights .* {size} and 7: "):
        d2l.CharRNN(VOCAB_SIZE, size, NUM_HIDDENS, 1, tie_weights=True)


def test_numpys_numbers_are_python_s_own_in_the_file(tmp_path):
    model = d2l.CharRNN(np.int64(5), np.int32(3), np.uint8(4), np.int16(2),
                        "gru",
                        np.float32(0.5), tie_weights=np.bool_(False),
                        weight_drop=np.float32(0.25),
                        variational=np.bool_(True))
    assert [type(value) for value in model.config.values()] == [
        int, int, int, int, str, float, str, bool, float, bool]
    model.initialize()
    d2l.save_model(tmp_path / "m.safetensors", model)
    again = d2l.load_model(tmp_path / "m.safetensors", "cpu")
    assert again.config == model.config
    x, state = nd.zeros((2, 3)), again.begin_state(np.int64(2), "cpu")
    assert (again(x, state)[0].asnumpy() == model(x, state)[0].asnumpy()).all()


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True, 2 ** 31, 10 ** 30])
def test_a_model_of_no_size_is_one_sentence(value):
    for n, name in enumerate(("vocab_size", "embed_size", "num_hiddens",
                              "num_layers")):
        sizes = [5, 3, 4, 1]
        sizes[n] = value
        with pytest.raises(ValueError, match=f"^{name} is .*: it must be"):
            d2l.CharRNN(*sizes)
    for make in (lambda: d2l.RNNModel(rnn_layers.RNN(3), value),
                 lambda: d2l.WindowLSTM(value), lambda: d2l.DJModel(
                     3, 4, value), lambda: d2l.WindowLSTM(5, Tx=value),
                 lambda: d2l.CharRNN(5, 3, 4, 1).begin_state(value)):
        with pytest.raises(ValueError, match=": it must be"):
            make()
    with pytest.raises(ValueError, match="GiB, and this machine has"):
        d2l.CharRNN(5, 3, 2 ** 23, 1)


def test_the_books_model_begins_on_a_device_by_name():
    model = d2l.RNNModel(rnn_layers.LSTM(4), np.int64(5))
    H, C = model.begin_state(batch_size=np.int64(2), ctx="cpu")
    assert H.shape == C.shape == (1, 2, 4)
    with pytest.raises(ValueError, match=r"^ctx is 'tpu'"):
        model.begin_state(batch_size=2, ctx="tpu")
    with pytest.raises(ValueError, match=r"^batch_size is -1"):
        model.begin_state(-1)
    with pytest.raises(ValueError, match=r"^rnn_layer is 'lstm': give a"):
        d2l.RNNModel("lstm", 5)
