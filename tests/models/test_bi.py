"""Both directions at once: Gluon's bidirectional layers on shared weights."""
import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

VOCAB_SIZE, NUM_HIDDENS, BATCH_SIZE, NUM_STEPS = 11, 7, 3, 5
# cell, its functions, Gluon's layer, and where that keeps our gates
CELLS = {
    "rnn": (d2l.rnn, d2l.get_params, d2l.init_rnn_state,
            lambda: rnn_layers.RNN(NUM_HIDDENS, activation="tanh",
                                   bidirectional=True,
                                   input_size=VOCAB_SIZE), (0,)),
    "lstm": (d2l.lstm, d2l.get_lstm_params, d2l.init_lstm_state,
             lambda: rnn_layers.LSTM(NUM_HIDDENS, bidirectional=True,
                                     input_size=VOCAB_SIZE), (0, 1, 3, 2)),
}
both = pytest.mark.parametrize("name", CELLS)
# without a layer to compare with
OTHERS = {"mingru": (d2l.mingru, d2l.get_mingru_params,
                     d2l.init_mingru_state),
          "minlstm": (d2l.minlstm, d2l.get_minlstm_params,
                      d2l.init_minlstm_state)}


def close(got, want):
    """Each step adds a state's and an input's numbers up, there and back."""
    oracle.close(got, want, 2 * NUM_STEPS * (VOCAB_SIZE + NUM_HIDDENS))


@both
def test_gluon_equals_scratch(name, ctx):
    cell, get_params, init_state, make_layer, order = CELLS[name]
    params = d2l.get_bi_params(get_params)(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.7, shape=param.shape, ctx=ctx)
    X = nd.array(np.random.randint(VOCAB_SIZE, size=(BATCH_SIZE, NUM_STEPS)),
                 ctx=ctx)
    Y = nd.array(np.random.randint(VOCAB_SIZE, size=X.shape), ctx=ctx)
    state = tuple(nd.random.normal(shape=s.shape, ctx=ctx) for s in
                  d2l.init_bi_state(init_state)(BATCH_SIZE, NUM_HIDDENS, ctx))
    half = len(params) // 2

    model = d2l.RNNModel(make_layer(), VOCAB_SIZE)
    model.initialize(ctx=ctx)
    kinds = len(state) // 2
    states = [nd.stack(*state[i::kinds]) for i in range(kinds)]
    model(X, states)
    for first, direction in ((0, "l"), (half, "r")):
        for j, part in enumerate(("i2h_weight", "h2h_weight", "i2h_bias")):
            gates = [params[first + 3 * gate + j].T for gate in order]
            getattr(model.rnn, f"{direction}0_{part}").set_data(
                nd.concat(*gates, dim=0))
        bias = getattr(model.rnn, f"{direction}0_h2h_bias")
        bias.set_data(nd.zeros_like(bias.data(ctx)))
    model.dense.weight.set_data(
        nd.concat(params[half - 2], params[-2], dim=0).T)
    model.dense.bias.set_data(params[half - 1] + params[-1])

    loss = gloss.SoftmaxCrossEntropyLoss()
    y = Y.T.reshape((-1,))
    with autograd.record():
        outputs, last = d2l.bi(cell)(d2l.to_onehot(X, VOCAB_SIZE), state,
                                     params)
        outputs = nd.concat(*outputs, dim=0)
        l = loss(outputs, y).mean()
    l.backward()
    with autograd.record():
        scores, new = model(X, states)
        m = loss(scores, y).mean()
    m.backward()
    close(scores.asnumpy(), outputs.asnumpy())
    for i, s in enumerate(last):
        close(new[i % kinds][i // kinds].asnumpy(), s.asnumpy())
    for first, direction in ((0, "l"), (half, "r")):
        grad = getattr(model.rnn, f"{direction}0_h2h_weight").grad(ctx)
        ours = [params[first + 3 * gate + 1].grad.asnumpy().T
                for gate in order]
        close(grad.asnumpy(), np.concatenate(ours))


@pytest.mark.parametrize("name", [*CELLS, *OTHERS])
def test_a_score_depends_on_both_sides(name, ctx):
    cell, get_params, init_state, *_ = {**CELLS, **OTHERS}[name]
    params = d2l.get_bi_params(get_params)(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(shape=param.shape, ctx=ctx)
    state = d2l.init_bi_state(init_state)(1, NUM_HIDDENS, ctx)

    def middle(ids):
        inputs = d2l.to_onehot(nd.array([ids], ctx=ctx), VOCAB_SIZE)
        return d2l.bi(cell)(inputs, state, params)[0][2].asnumpy()

    base = middle([1, 2, 3, 4, 5])
    for changed in ([9, 2, 3, 4, 5], [1, 2, 3, 4, 9], [1, 2, 9, 4, 5]):
        assert abs(middle(changed) - base).max() > 1e-4
