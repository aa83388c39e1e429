"""Threads train, trace, read and run operators without disturbing others."""
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import d2lrnn as d2l
import pytest
from mxnet import autograd, nd

CELLS = {
    "rnn": (d2l.rnn, d2l.get_params, d2l.init_rnn_state),
    "gru": (d2l.gru, d2l.get_gru_params, d2l.init_gru_state),
    "lstm": (d2l.lstm, d2l.get_lstm_params, d2l.init_lstm_state)}


def train(corpus, cell, values, **options):
    """Train a cell from given parameters; return what it has become."""
    cell, _, init_state = CELLS[cell]
    params = [nd.array(value) for value in values]
    for param in params:
        param.attach_grad()
    history = d2l.train_and_predict_rnn(
        cell, lambda: params, init_state, 8, corpus[3], None,
        corpus[0], corpus[2], corpus[1], False, 2, 6,
        1, 1, 4, 2, 5, ["ab"], **options)
    return ([{**epoch, "seconds": 0} for epoch in history],
            [param.asnumpy().tolist() for param in params])


@pytest.mark.parametrize("options", [{}, {"rewrite": False},
                                     {"compiled": False}], ids=str)
def test_trainings_at_once_are_those_one_by_one(options):
    abc = d2l.load_corpus("abc" * 40)
    calls = [partial(train, abc, name, [
        p.asnumpy() for p in CELLS[name][1](abc[3], 8, None)],
        **options) for name in CELLS for _ in range(3)]
    want = [call() for call in calls]
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(call) for call in calls]
    assert [future.result() for future in running] == want


def test_a_thread_reads_while_another_traces():
    """The function waits in the middle of its trace until it has done so."""
    W, tracing, read = nd.ones(3), threading.Event(), threading.Event()
    W.attach_grad()

    def step(x):
        tracing.set()
        assert read.wait(60)
        return [(W * x).sum()]

    traced = d2l.Traced(step, [W])
    with ThreadPoolExecutor(1) as pool:
        def run():
            with autograd.record():
                return traced(nd.ones(3))[0].asscalar()

        future = pool.submit(run)
        assert tracing.wait(60)
        values = nd.arange(3).asnumpy().tolist(), bool(nd.ones(1))
        read.set()
        assert values == ([0, 1, 2], True)
        assert future.result() == 3 and traced.reasons == []


def test_two_threads_trace_in_any_order():
    """Of two traces the one that began first ends first."""
    events = [threading.Event() for _ in range(3)]

    def run(n, done=None):
        W = nd.ones(3)
        W.attach_grad()

        def step(x):
            events[n].set()
            assert events[n + 1].wait(60)
            return [(W * x).sum()]

        traced = d2l.Traced(step, [W])
        with autograd.record():
            loss = traced(nd.ones(3))[0].asscalar()
        if done:
            done.set()
        return loss, traced.reasons

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(run, 0, events[2])
        assert events[0].wait(60)
        two = pool.submit(run, 1)
    assert one.result() == two.result() == (3, [])
    assert nd.ones(1).asnumpy() == 1


def run_python(code):
    """Run code, which may crash or hang, in a process of its own."""
    result = subprocess.run([sys.executable, "-c", code], timeout=120,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


OPERATORS = """
import threading
import d2lrnn, numpy as np
from mxnet import autograd, nd

A, W, v = nd.random.normal(shape=(50, 60)), nd.random.normal(
    shape=(60, 60)), nd.random.normal(shape=60)
ids = nd.arange(50)

def gradient(function, array):
    array, A_, ids_ = array.copy(), A.copy(), ids.copy()
    array.attach_grad()
    with autograd.record():
        loss = (function(A_, ids_, array) ** 2).sum()
    loss.backward()
    return array.grad

operators = [
    lambda: nd.dot(A, W), lambda: A.sum(axis=0), lambda: nd.log_softmax(A),
    lambda: nd.topk(A, k=3, ret_typ="value"), lambda: nd.sort(A, axis=0),
    lambda: A.norm(), lambda: nd.concat(A, A, dim=1),
    lambda: gradient(lambda A, ids, W: nd.take(W, ids), W),
    lambda: gradient(lambda A, ids, v: nd.broadcast_add(A, v), v)]
want = [operator().asnumpy() for operator in operators]
wrong = []

def work(start):
    for n in range(start, start + 100 * len(operators)):
        i = n % len(operators)
        if not (operators[i]().asnumpy() == want[i]).all():
            wrong.append(i)

threads = [threading.Thread(target=work, args=(3 * n,)) for n in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(wrong)
"""


@pytest.mark.process
def test_operators_of_threads_do_not_share_their_scratch_memory():
    assert run_python(OPERATORS) == "[]\n"


BUSY = """
import os, threading
import d2lrnn, mxnet as mx
from mxnet import nd

def work():
    while not done:
        nd.dot(A, A).asnumpy()

A, done = nd.ones((100, 100)), []
thread = threading.Thread(target=work)
thread.start()
"""
PYTHONS = BUSY + """
class Square(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] * in_data[0])

@mx.operator.register("square_of_python")
class Prop(mx.operator.CustomOpProp):
    def create_operator(self, ctx, shapes, dtypes):
        return Square()

for n in range(50):
    y = nd.Custom(n * nd.ones(3), op_type="square_of_python")
    assert (y.asnumpy() == n * n).all()
done.append(1)
thread.join()
"""
FORKS = BUSY + """
for _ in range(20):
    pid = os.fork()
    if not pid:
        os._exit(int(nd.ones(3).sum().asscalar()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
done.append(1)
thread.join()
"""


@pytest.mark.process
def test_operators_in_python_run_beside_another_thread():
    run_python(PYTHONS)


@pytest.mark.process
def test_a_process_may_fork_while_another_thread_computes():
    run_python(FORKS)
