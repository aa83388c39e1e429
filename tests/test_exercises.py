"""Answers to exercises: the right ones pass, each wrong one hears why."""
import doctest
import re

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import exercises
from mxnet import nd


def rnn_with(change):
    """Return an RNN whose outputs and state a function changes."""
    def rnn(inputs, state, params):
        return change(*d2l.rnn(inputs, state, params))
    return rnn


def without_bias(inputs, state, params):
    W_xh, W_hh, _, W_hq, b_q = params
    return d2l.rnn(inputs, state, [W_xh, W_hh, nd.zeros(W_hh.shape[0]), W_hq,
                                   b_q])


def transposed(inputs, state, params):
    W_xh, W_hh, *rest = params
    return d2l.rnn(inputs, state, [W_xh, W_hh.T, *rest])


def forgetful(inputs, state, params):
    return d2l.rnn(inputs, (nd.zeros_like(state[0]),), params)


def shortened(inputs, state, params):
    return d2l.rnn(inputs, tuple(s.detach() for s in state), params)


def changing(inputs, state, params):
    outputs, new = d2l.rnn(inputs, state, params)
    state[0][:] = new[0]
    return outputs, new


def failing(inputs, state, params):
    return inputs + 1


def short_of_an_argument(inputs, state, params):
    return nd.dot(lhs=inputs[0], rhs=failing(inputs))


def emptying(inputs, state, params):
    outputs = d2l.rnn(inputs, state, params)
    params.pop()
    return outputs


WRONG = {
    "takes other arguments": lambda inputs, state: None,
    "stopped with TypeError": failing,
    "returns None: return outputs and state": lambda *given: None,
    "returns a list of 3: return outputs and state":
        rnn_with(lambda outputs, state: outputs),
    "outputs is a list of 2: it must be a list of 3":
        rnn_with(lambda outputs, state: (outputs[1:], state)),
    r"outputs is an NDArray of shape \(.*\): it must be a list of 3":
        rnn_with(lambda outputs, state: (nd.stack(*outputs), state)),
    r"outputs\[0\] is a ndarray of shape":
        rnn_with(lambda outputs, state: (
            [Y.asnumpy() for Y in outputs], state)),
    r"outputs\[0\] has the shape \(\d, \d\): it must be":
        rnn_with(lambda outputs, state: ([Y.T for Y in outputs], state)),
    r"state is an NDArray of shape .*: it must be a tuple of 1":
        rnn_with(lambda outputs, state: (outputs, state[0])),
    r"outputs\[0\]\[.*\] is .*: it must be": without_bias,
    r"outputs\[0\]\[\d, \d\] is [-\d.]+: it must be": transposed,
    r"state\[0\]\[\d, \d\] is nan: it must be":
        rnn_with(lambda outputs, state: (outputs, (state[0] * np.nan,))),
    r"outputs\[0\]\[\d, \d\] is .*: it must": forgetful,
    r"the gradient of state\[0\]\[\d, \d\] is 0: it must be": shortened,
    "results are right, but the gradient of":
        rnn_with(lambda outputs, state: (
            [Y.detach() for Y in outputs], state)),
    "no gradient, since MXNetError: compute them with MXNet":
        rnn_with(lambda outputs, state: (
            [nd.array(Y.asnumpy()) for Y in outputs],
            (nd.array(state[0].asnumpy()),))),
    r"changes state\[0\], which its caller still needs": changing,
    r"changes params\[4\], which its caller still needs": emptying,
    r"stopped with TypeError: failing\(\) missing 2": short_of_an_argument,
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_network_hears_why(reason, capsys):
    assert not d2l.check("rnn_scratch", 2, WRONG[reason])
    said = capsys.readouterr().out
    assert said.startswith("rnn_scratch 2: ") and said.count("\n") == 1
    assert re.search(reason, said)


@pytest.mark.parametrize("lesson, number", exercises.EXERCISES)
def test_the_definition_itself_is_right(lesson, number, capsys):
    asked = exercises.EXERCISES[lesson, number]
    assert d2l.check(lesson, number, asked.definition)
    assert capsys.readouterr().out == f"{lesson} {number}: right\n"


def unclipped(gradients, maxValue):
    return gradients


def swapped(da_next, dc_next, cache):
    return exercises.numpy_rnn.lstm_cell_backward(dc_next, da_next, cache)


def unshifted(corpus_indices, batch_size, num_steps):
    for X, _ in d2l.data_iter_consecutive(corpus_indices, batch_size,
                                          num_steps):
        yield X, X


def endless(corpus_indices, batch_size, num_steps):
    X = nd.zeros((batch_size, num_steps))
    while True:
        yield X, X


@pytest.mark.parametrize("lesson, number, answer, reason", [
    ("lang_model_dataset", 2, unshifted, "the mini-batches[0][1]["),
    ("lang_model_dataset", 2, endless, "the mini-batches is a list of 1000"),
    ("gru", 2, d2l.mingru, "your function stopped with ValueError: "),
    ("lstm", 2, d2l.gru, "your function stopped with ValueError: "),
    ("deep_rnn", 2, lambda cell, num_layers: d2l.deep(cell, 1),
     "your function stopped with ValueError: "),
    ("bi_rnn", 2, lambda cell: cell, "your function stopped with "),
    ("numpy_rnn", 2, swapped, "the gradients['dxt']["),
    ("dinosaur_names", 1, unclipped, "the gradients['dWax']["),
    ("making_it_fast", 2, lambda params, theta, ctx: None,
     "the gradients[0]["),
])
def test_a_wrong_answer_hears_why(lesson, number, answer, reason, capsys):
    assert not d2l.check(lesson, number, answer)
    assert capsys.readouterr().out.startswith(f"{lesson} {number}: {reason}")


@pytest.mark.parametrize("given, sentence", [
    (("rnn_scrat", 2, len), "lesson is 'rnn_scrat': it must be one of "),
    (("rnn_scratch", 1, len), "exercise is 1: of rnn_scratch, these ask for "
                              "a function: 2"),
    (("rnn_scratch", 2, None), "answer is None: give a function"),
])
def test_what_cannot_be_judged(given, sentence):
    with pytest.raises(ValueError) as refused:
        d2l.check(*given)
    assert str(refused.value).startswith(sentence)


def test_it_does_as_its_examples():
    done = doctest.testmod(exercises)
    assert done.attempted and not done.failed
