"""A layer on one-hot vectors: looked up, it gives what it gives itself."""
import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.models.one_hot import can_look_up, run_one_hot
from mxnet import autograd, nd
from mxnet.gluon import rnn

VOCAB_SIZE, BATCH_SIZE, NUM_STEPS, NUM_HIDDENS = 9, 4, 6, 5
LAYERS = {
    "relu": lambda **options: rnn.RNN(NUM_HIDDENS, **options),
    "tanh": lambda **options: rnn.RNN(NUM_HIDDENS, activation="tanh",
                                      **options),
    "gru": lambda **options: rnn.GRU(NUM_HIDDENS, **options),
    "lstm": lambda **options: rnn.LSTM(NUM_HIDDENS, **options)}


def initialized(layer):
    """Return a layer with drawn weights and biases."""
    layer.initialize()
    layer(nd.zeros((1, 1, VOCAB_SIZE)))
    for param in layer.collect_params().values():
        param.set_data(nd.random.normal(shape=param.shape))
    return layer


def drawn(layer, ctx=None):
    """Return ids, (num_steps, batch_size), their number, and a state."""
    ids = nd.random.randint(0, VOCAB_SIZE, shape=(NUM_STEPS, BATCH_SIZE),
                            ctx=ctx)
    state = [nd.random.normal(shape=s.shape, ctx=ctx)
             for s in layer.begin_state(BATCH_SIZE)]
    for s in state:
        s.attach_grad()
    return ids.astype("float32"), VOCAB_SIZE, state


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_layer_and_so_are_the_gradients(name, ctx):
    d2l.seed(1)
    layer = initialized(LAYERS[name]())
    layer.collect_params().reset_ctx(ctx)
    ids, vocab_size, state = drawn(layer, ctx)
    assert can_look_up(layer, ids, vocab_size, state) == (
        ctx.device_type == "cpu")
    weight = nd.random.normal(shape=(NUM_STEPS, BATCH_SIZE, NUM_HIDDENS),
                              ctx=ctx)
    found = []
    for run in (lambda: run_one_hot(layer, ids, vocab_size, state),
                lambda: layer(nd.one_hot(ids, vocab_size), state)):
        with autograd.record():
            Y, last = run()
            loss = (Y * weight).sum() + sum((s * s).sum() for s in last)
        loss.backward(retain_graph=True)
        loss.backward()  # the second time is as the first
        found.append([array.asnumpy() for array in (
            Y, *last, *(s.grad for s in state),
            *(p.grad() for p in layer.collect_params().values()))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, options", [
    ("gru", {"num_layers": 2}), ("lstm", {"bidirectional": True})])
def test_other_layers_run_themselves(name, options):
    layer = initialized(LAYERS[name](**options))
    ids, vocab_size, state = drawn(layer)
    assert not can_look_up(layer, ids, vocab_size, state)
    Y, _ = run_one_hot(layer, ids, vocab_size, state)
    expected, _ = layer(nd.one_hot(ids, vocab_size), state)
    assert (Y == expected).min()


def test_what_a_layer_must_see_itself():
    """Ids out of the vocabulary, hooks, and weights that do not exist yet."""
    new = LAYERS["gru"]()
    new.initialize()
    assert not can_look_up(new, *drawn(new))
    layer = initialized(LAYERS["gru"]())
    ids, vocab_size, state = drawn(layer)
    assert can_look_up(layer, ids, vocab_size, state)
    for wrong in (-1, VOCAB_SIZE):
        other = ids.copy()
        other[0, 0] = wrong
        assert not can_look_up(layer, other, vocab_size, state)
        Y, _ = run_one_hot(layer, other, vocab_size, state)
        expected, _ = layer(nd.one_hot(other, vocab_size), state)
        assert (Y == expected).min()
    assert not can_look_up(layer, ids, vocab_size + 1, state)
    assert not can_look_up(layer, ids, vocab_size, state[0])
    assert not can_look_up(layer, ids, vocab_size, [s[:, :2] for s in state])
    assert not can_look_up(layer, ids, vocab_size,
                           [s.astype("float64") for s in state])
    seen = []
    layer.register_forward_hook(lambda *args: seen.append(args))
    run_one_hot(layer, ids, vocab_size, state)
    assert len(seen) == 1
