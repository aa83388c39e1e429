"""Contexts, seeds and epochs as the environment asks for them."""
import random

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("D2LRNN_CTX", "D2LRNN_EPOCHS"):
        monkeypatch.delenv(name, raising=False)


def with_gpus(monkeypatch, n):
    monkeypatch.setattr("mxnet.context.num_gpus", lambda: n)


def test_the_gpu_if_there_is_one(monkeypatch):
    with_gpus(monkeypatch, 0)
    assert d2l.try_gpu() == mx.cpu()
    with_gpus(monkeypatch, 2)
    assert d2l.try_gpu() == mx.gpu(0) and d2l.try_gpu(1) == mx.gpu(1)
    assert d2l.try_gpu(2) == mx.cpu()


@pytest.mark.parametrize("chosen, ctx", [
    ("cpu", mx.cpu()), ("gpu", mx.gpu(0)), ("gpu(1)", mx.gpu(1)),
    (" cpu ", mx.cpu())])
def test_the_environment_decides(monkeypatch, chosen, ctx):
    with_gpus(monkeypatch, 2)
    monkeypatch.setenv("D2LRNN_CTX", chosen)
    assert d2l.try_gpu() == ctx


@pytest.mark.parametrize("chosen, num_gpus, words", [
    ("gpu", 0, r"asks for gpu\(0\), but MXNet sees 0 GPUs here"),
    ("gpu(1)", 1, r"asks for gpu\(1\), but MXNet sees 1 GPUs here"),
    ("tpu", 0, "'tpu': it must be cpu, gpu"),
    ("gpu(x)", 0, "it must be cpu, gpu")])
def test_a_context_that_is_not_there(monkeypatch, chosen, num_gpus, words):
    with_gpus(monkeypatch, num_gpus)
    monkeypatch.setenv("D2LRNN_CTX", chosen)
    with pytest.raises(d2l.SettingError, match=words):
        d2l.try_gpu()


def test_one_seed_for_every_generator(ctx):
    def draw():
        return (random.random(), np.random.rand(),
                mx.nd.random.normal(shape=3, ctx=ctx).asnumpy().tolist())

    d2l.seed(11)
    first = draw()
    assert draw() != first
    d2l.seed(11)
    assert draw() == first


@pytest.mark.parametrize("cap, n", [(None, 250), ("", 250), ("2", 2),
                                    ("1000", 250)])
def test_epochs_are_capped(monkeypatch, cap, n):
    if cap is not None:
        monkeypatch.setenv("D2LRNN_EPOCHS", cap)
    assert d2l.epochs(250) == n


@pytest.mark.parametrize("cap", ["0", "-3", "two", "1.5"])
def test_a_cap_that_is_no_number_of_epochs(monkeypatch, cap):
    monkeypatch.setenv("D2LRNN_EPOCHS", cap)
    with pytest.raises(d2l.SettingError, match="it must be a whole number"):
        d2l.epochs(250)


@pytest.mark.parametrize("n", [-1, 2.5, "8", None, True, 2 ** 32, 10 ** 30])
def test_a_seed_that_not_every_generator_takes(n):
    with pytest.raises(ValueError, match=r"^seed is .*: it must be"):
        d2l.seed(n)


@pytest.mark.parametrize("n", [0, -1, 2.5, "8", None, 2 ** 31])
def test_epochs_that_are_none(n):
    with pytest.raises(ValueError, match=r"^num_epochs is .*: it must be"):
        d2l.epochs(n)


@pytest.mark.parametrize("i", [-1, 2.5, "0", None, 10 ** 30])
def test_a_gpu_that_has_no_such_number(i):
    with pytest.raises(ValueError, match=r"^i is "):
        d2l.try_gpu(i)


def test_a_sampler_takes_a_device_by_its_name():
    for sampler in (d2l.data_iter_random, d2l.data_iter_consecutive):
        X, Y = next(sampler(range(30), np.int64(2), np.int32(3), "cpu"))
        assert X.context == Y.context == mx.cpu()
        with pytest.raises(ValueError, match=r"^ctx is 'tpu'"):
            next(sampler(range(30), 2, 3, "tpu"))
