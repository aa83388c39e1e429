"""Scratch = Gluon = PyTorch = naive loops, on shared weights."""
import d2lrnn as d2l
import mxnet as mx
import numpy as np
import oracle
import pytest
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

# all different, so that no transposed axis can hide
VOCAB_SIZE, NUM_HIDDENS, BATCH_SIZE, NUM_STEPS = 11, 7, 3, 5


@pytest.fixture
def problem(ctx):
    """Weights of a size where tanh bends, and a batch to use them on."""
    params = d2l.get_params(VOCAB_SIZE, NUM_HIDDENS, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.7, shape=param.shape, ctx=ctx)
    X = np.random.randint(VOCAB_SIZE, size=(BATCH_SIZE, NUM_STEPS))
    Y = np.random.randint(VOCAB_SIZE, size=(BATCH_SIZE, NUM_STEPS))
    H = np.random.normal(size=(BATCH_SIZE, NUM_HIDDENS)).astype("float32")
    return params, X, Y, H


def close(got, want):
    """Each step adds a state's and an input's numbers up, there and back."""
    oracle.close(got, want, 2 * NUM_STEPS * (VOCAB_SIZE + NUM_HIDDENS))


def expected(problem):
    params, X, Y, H = problem
    return oracle.rnn_loss(X, Y, H, [p.asnumpy() for p in params])


def test_scratch_equals_naive_loops(problem, ctx):
    params, X, Y, H = problem
    loss, scores, state, grads = expected(problem)
    with autograd.record():
        inputs = d2l.to_onehot(nd.array(X, ctx=ctx), VOCAB_SIZE)
        outputs, (last,) = d2l.rnn(inputs, (nd.array(H, ctx=ctx),), params)
        outputs = nd.concat(*outputs, dim=0)
        y = nd.array(Y, ctx=ctx).T.reshape((-1,))
        l = gloss.SoftmaxCrossEntropyLoss()(outputs, y).mean()
    l.backward()
    close(l.asscalar(), loss)
    close(outputs.asnumpy(), scores)
    close(last.asnumpy(), state)
    for param, grad in zip(params, grads, strict=True):
        assert param.context == ctx and param.grad.context == ctx
        close(param.grad.asnumpy(), grad)


def test_gluon_equals_naive_loops(problem, ctx):
    params, X, Y, H = problem
    loss, scores, state, grads = expected(problem)
    model = d2l.RNNModel(rnn_layers.RNN(NUM_HIDDENS, activation="tanh",
                                        input_size=VOCAB_SIZE), VOCAB_SIZE)
    model.initialize(ctx=ctx)
    states = [nd.array(H, ctx=ctx).expand_dims(0)]
    model(nd.array(X, ctx=ctx), states)
    layer, dense = model.rnn, model.dense
    weights = [layer.l0_i2h_weight, layer.l0_h2h_weight, layer.l0_i2h_bias,
               dense.weight, dense.bias]
    layer.l0_h2h_bias.set_data(nd.zeros(NUM_HIDDENS, ctx=ctx))
    for weight, param in zip(weights, params, strict=True):
        weight.set_data(param.T)
    with autograd.record():
        output, (last,) = model(nd.array(X, ctx=ctx), states)
        y = nd.array(Y, ctx=ctx).T.reshape((-1,))
        l = gloss.SoftmaxCrossEntropyLoss()(output, y).mean()
    l.backward()
    close(l.asscalar(), loss)
    close(output.asnumpy(), scores)
    close(last[0].asnumpy(), state)
    for weight, grad in zip(weights, grads, strict=True):
        close(weight.grad(ctx).asnumpy().T, grad)


def test_pytorch_equals_naive_loops(problem):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    params, X, Y, H = problem
    loss, scores, state, grads = expected(problem)
    W_xh, W_hh, b_h, W_hq, b_q = (
        torch.tensor(p.asnumpy(), requires_grad=True) for p in params)
    layer = torch.nn.RNN(VOCAB_SIZE, NUM_HIDDENS)
    onehot = torch.nn.functional.one_hot(torch.tensor(X.T), VOCAB_SIZE)
    weights = {"weight_ih_l0": W_xh.T, "weight_hh_l0": W_hh.T,
               "bias_ih_l0": b_h, "bias_hh_l0": torch.zeros(NUM_HIDDENS)}
    outputs, last = torch.func.functional_call(
        layer, weights, (onehot.float(), torch.tensor(H)[None]))
    output = outputs.reshape(-1, NUM_HIDDENS) @ W_hq + b_q
    l = torch.nn.functional.cross_entropy(
        output, torch.tensor(Y.T.reshape(-1)))
    l.backward()
    close(l.item(), loss)
    close(output.detach().numpy(), scores)
    close(last[0].detach().numpy(), state)
    for tensor, grad in zip((W_xh, W_hh, b_h, W_hq, b_q), grads, strict=True):
        close(tensor.grad.numpy(), grad)


def test_naive_gradients_are_numeric_gradients(problem):
    params, X, Y, H = problem
    params = [p.asnumpy().astype(np.float64) for p in params]
    grads = oracle.rnn_loss(X, Y, H, params)[3]
    for param, grad in zip(params, grads, strict=True):
        index = tuple(np.random.randint(n) for n in param.shape)
        losses = []
        for step in (1e-5, -2e-5):
            param[index] += step
            losses.append(oracle.rnn_loss(X, Y, H, params)[0])
        param[index] += 1e-5
        numeric = (losses[0] - losses[1]) / 2e-5
        np.testing.assert_allclose(grad[index], numeric, rtol=1e-6,
                                   atol=1e-9)


def test_onehot_of_one_step(ctx):
    (x,) = d2l.to_onehot(nd.array([2], ctx=ctx), 3)
    assert x.asnumpy().tolist() == [[0, 0, 1]]
    assert x.context == ctx


def test_parameters_are_small_and_have_gradients(ctx):
    W_xh, W_hh, b_h, W_hq, b_q = params = d2l.get_params(500, 80, ctx)
    assert [p.shape for p in params] == [
        (500, 80), (80, 80), (80,), (80, 500), (500,)]
    for W in (W_xh, W_hh, W_hq):
        assert abs(W.asnumpy().std() - 0.01) < 5e-4
    assert b_h.asnumpy().any() == b_q.asnumpy().any() == False  # noqa: E712
    assert all(p.grad is not None for p in params)


def test_sizes_of_the_books_example(ctx):
    X = nd.arange(10, ctx=ctx).reshape((2, 5))
    inputs = d2l.to_onehot(X, 1027)
    params = d2l.get_params(1027, 256, ctx)
    state = d2l.init_rnn_state(2, 256, ctx)
    outputs, (H,) = d2l.rnn(inputs, state, params)
    assert len(outputs) == 5
    assert outputs[0].shape == (2, 1027) and H.shape == (2, 256)


DRAWS = [d2l.get_params, d2l.get_gru_params, d2l.get_lstm_params]
BEGINS = [d2l.init_rnn_state, d2l.init_gru_state, d2l.init_lstm_state]
NOT_A_SIZE = [0, -1, 2.5, "8", None, True, float("nan"), 2 ** 31, 10 ** 30]


@pytest.mark.parametrize("function", DRAWS + BEGINS)
def test_a_size_that_is_none_is_one_sentence(function):
    first = "vocab_size" if function in DRAWS else "batch_size"
    for value in NOT_A_SIZE:
        with pytest.raises(ValueError) as caught:
            function(value, 4, None)
        assert str(caught.value).startswith(f"{first} is {value!r}: it must")
        with pytest.raises(ValueError) as caught:
            function(3, value, None)
        assert str(caught.value).startswith(f"num_hiddens is {value!r}: it")


@pytest.mark.parametrize("function", DRAWS + BEGINS)
def test_sizes_that_fit_no_memory_are_one_sentence(function):
    with pytest.raises(ValueError, match="GiB, and this machine has"):
        function(2 ** 24, 2 ** 24, None)


@pytest.mark.parametrize("function", DRAWS + BEGINS)
def test_a_device_by_its_name_and_numpys_sizes(function):
    arrays = function(np.int64(3), np.int32(4), "cpu")
    assert all(array.context == mx.cpu() for array in arrays)
    assert [a.shape for a in arrays] == [a.shape for a in function(3, 4, None)]
    with pytest.raises(ValueError, match=r"^ctx is 'tpu': it must be cpu"):
        function(3, 4, "tpu")


@pytest.mark.parametrize("size", NOT_A_SIZE)
def test_one_hot_vectors_of_no_size(size):
    with pytest.raises(ValueError, match=r"^size is .*: it must be"):
        d2l.to_onehot(nd.array([[0, 1]]), size)


def test_arrays_that_do_not_fit_a_cell_are_one_sentence():
    params, inputs = d2l.get_params(5, 4), d2l.to_onehot(nd.zeros((2, 3)), 5)
    (state,) = d2l.init_rnn_state(2, 4, None)
    for given in ((inputs, (state,), params[:3]), (inputs, state, params),
                  (inputs, (nd.zeros((9, 9)),), params),
                  (None, (state,), params)):
        with pytest.raises(ValueError) as caught:
            d2l.rnn(*given)
        assert str(caught.value).startswith("rnn cannot use inputs ")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"of shape \(9, 9\)|shapes \(9, 9\)"):
        d2l.rnn(inputs, (nd.zeros((9, 9)),), params)


def test_a_stack_of_no_layers_is_one_sentence():
    for make in (lambda n: d2l.deep(d2l.rnn, n),
                 lambda n: d2l.get_deep_params(d2l.get_params, n),
                 lambda n: d2l.init_deep_state(d2l.init_rnn_state, n)):
        for value in (0, 2.5, None, "2"):
            with pytest.raises(ValueError, match=r"^num_layers is "):
                make(value)
    for make in (d2l.bi, d2l.get_bi_params, d2l.init_bi_state):
        with pytest.raises(ValueError, match="give a function"):
            make("rnn")
