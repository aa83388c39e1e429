"""Layers on one another: one layer is the cell, two are Gluon's two."""
import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

VOCAB_SIZE, NUM_HIDDENS, BATCH_SIZE, NUM_STEPS = 11, 7, 3, 5
CELLS = {"rnn": (d2l.rnn, d2l.get_params, d2l.init_rnn_state),
         "gru": (d2l.gru, d2l.get_gru_params, d2l.init_gru_state),
         "lstm": (d2l.lstm, d2l.get_lstm_params, d2l.init_lstm_state),
         "mingru": (d2l.mingru, d2l.get_mingru_params, d2l.init_mingru_state),
         "minlstm": (d2l.minlstm, d2l.get_minlstm_params,
                     d2l.init_minlstm_state)}
every = pytest.mark.parametrize("name", CELLS)


def deep(name, num_layers):
    cell, get_params, init_state = CELLS[name]
    return (d2l.deep(cell, num_layers),
            d2l.get_deep_params(get_params, num_layers),
            d2l.init_deep_state(init_state, num_layers))


def batch(ctx):
    return [nd.array(np.random.randint(VOCAB_SIZE, size=(
        BATCH_SIZE, NUM_STEPS)), ctx=ctx) for _ in "XY"]


def draw(get_params, ctx):
    params = get_params(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.7, shape=param.shape, ctx=ctx)
    return params


def close(got, want, num_layers):
    """Each step adds up two states' numbers a layer, there and back."""
    oracle.close(got, want, 2 * NUM_STEPS * num_layers * (
        VOCAB_SIZE + NUM_HIDDENS))


def loss_of(scores, Y):
    return gloss.SoftmaxCrossEntropyLoss()(scores, Y.T.reshape((-1,))).mean()


def run(cell, params, state, X, Y):
    with autograd.record():
        outputs, last = cell(d2l.to_onehot(X, VOCAB_SIZE), state, params)
        outputs = nd.concat(*outputs, dim=0)
        l = loss_of(outputs, Y)
    l.backward()
    return outputs.asnumpy(), [s.asnumpy() for s in last], [
        p.grad.asnumpy() for p in params]


@every
def test_one_layer_is_the_cell(name, ctx):
    cell, get_params, init_state = deep(name, 1)
    params = draw(get_params, ctx)
    X, Y = batch(ctx)
    results = [run(c, params, init_state(BATCH_SIZE, NUM_HIDDENS, ctx), X, Y)
               for c in (cell, CELLS[name][0])]
    for ours, theirs in zip(*results, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            close(a, b, 1)


@pytest.mark.parametrize("num_layers", [2, 3])
def test_layers_of_lstm_are_gluons(num_layers, ctx):
    cell, get_params, init_state = deep("lstm", num_layers)
    params = draw(get_params, ctx)
    X, Y = batch(ctx)
    state = tuple(nd.random.normal(shape=s.shape, ctx=ctx) for s
                  in init_state(BATCH_SIZE, NUM_HIDDENS, ctx))
    outputs, last, grads = run(cell, params, state, X, Y)
    layer = rnn_layers.LSTM(NUM_HIDDENS, num_layers, input_size=VOCAB_SIZE)
    model = d2l.RNNModel(layer, VOCAB_SIZE)
    model.initialize(ctx=ctx)
    states = [nd.stack(*state[i::2]) for i in (0, 1)]
    model(X, states)
    for i in range(num_layers):
        for j, part in enumerate(("i2h_weight", "h2h_weight", "i2h_bias")):
            gates = [params[12 * i + 3 * gate + j] for gate in (0, 1, 3, 2)]
            getattr(layer, f"l{i}_{part}").set_data(
                nd.concat(*(gate.T for gate in gates), dim=0))
        bias = getattr(layer, f"l{i}_h2h_bias")
        bias.set_data(nd.zeros_like(bias.data(ctx)))
    model.dense.weight.set_data(params[-2].T)
    model.dense.bias.set_data(params[-1])
    with autograd.record():
        scores, new = model(X, states)
        l = loss_of(scores, Y)
    l.backward()
    close(scores.asnumpy(), outputs, num_layers)
    for i, ours in enumerate(last):
        close(new[i % 2][i // 2].asnumpy(), ours, num_layers)
    for i in range(num_layers):
        theirs = getattr(layer, f"l{i}_h2h_weight").grad(ctx).asnumpy()
        ours = [grads[12 * i + 3 * gate + 1].T for gate in (0, 1, 3, 2)]
        close(theirs, np.concatenate(ours), num_layers)


@every
def test_abc_is_learned_by_two_layers(name, abc, ctx):
    corpus_indices, char_to_idx, idx_to_char, vocab_size = abc
    history = d2l.train_and_predict_rnn(
        *deep(name, 2), 32, vocab_size, ctx, corpus_indices, idx_to_char,
        char_to_idx, False, 30, 10, 10.0, 0.1, 8, 30, 6, ["ab"])
    assert history[-1]["perplexity"] < 1.05
    assert history[-1]["lyrics"] == ["abcabcab"]


@every
def test_the_step_is_compiled(name, ctx):
    cell, get_params, init_state = deep(name, 3)
    params = draw(get_params, ctx)
    X, Y = batch(ctx)

    def step(X, Y, *state):
        outputs, state = cell(d2l.to_onehot(X, VOCAB_SIZE), state, params)
        return [loss_of(nd.concat(*outputs, dim=0), Y), *state]

    traced = d2l.Traced(step, params)
    state = init_state(BATCH_SIZE, NUM_HIDDENS, ctx)
    with autograd.record():
        l = traced(X, Y, *state)[0]
    l.backward()
    grads = [p.grad.asnumpy() for p in params]
    for a, b in zip(grads, run(cell, params, state, X, Y)[2], strict=True):
        close(a, b, 3)
    assert traced.reasons == []


def test_layers_do_not_read_both_ways():
    """But both ways may have layers."""
    with pytest.raises(ValueError, match=r"cell is bi.*: take bi\(deep"):
        d2l.deep(d2l.bi(d2l.rnn), 2)
    assert callable(d2l.bi(d2l.deep(d2l.rnn, 2)))
