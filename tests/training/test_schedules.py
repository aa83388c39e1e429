"""Learning rates and whole steps, against PyTorch's and by hand."""
import copy
import functools
import math
import re
import warnings

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn.models.checkpoint import named_params
from d2lrnn.training.schedules import SCHEDULES, learning_rate
from mxnet import init


def torch_rates(make_scheduler, num_steps, lr=0.3):
    """Return the rate that a PyTorch scheduler gives to each step."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)
    scheduler = make_scheduler(torch.optim.lr_scheduler, optimizer)
    rates = []
    for step in range(num_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < num_steps - 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scheduler.step()
    return rates


def rates(schedule, num_steps, lr=0.3):
    return [learning_rate(schedule, lr, step, num_steps)
            for step in range(num_steps)]


@pytest.mark.parametrize("num_steps", [2, 3, 4, 7, 10, 100, 333])
def test_one_cycle_is_pytorchs(num_steps):
    expected = torch_rates(
        lambda schedulers, optimizer: schedulers.OneCycleLR(
            optimizer, max_lr=0.3, total_steps=num_steps), num_steps)
    assert rates("one_cycle", num_steps) == pytest.approx(expected, rel=1e-6,
                                                          abs=0)


@pytest.mark.parametrize("num_steps", [2, 9, 50])
def test_cosine_is_pytorchs(num_steps):
    expected = torch_rates(
        lambda schedulers, optimizer: schedulers.CosineAnnealingLR(
            optimizer, T_max=num_steps - 1), num_steps)
    assert rates("cosine", num_steps) == pytest.approx(expected, rel=1e-6,
                                                       abs=1e-12)


def test_the_ends_and_the_peak():
    cycle = rates("one_cycle", 1000, lr=2.0)
    assert cycle[0] == pytest.approx(2 / 25)
    assert max(cycle) == cycle[299] == 2.0
    assert cycle[-1] == pytest.approx(2 * 4e-6)
    assert cycle[:300] == sorted(cycle[:300])
    assert cycle[299:] == sorted(cycle[299:], reverse=True)
    fall = rates("cosine", 1001, lr=2.0)
    assert fall[0] == 2 and fall[500] == pytest.approx(1)
    assert fall[-1] == pytest.approx(0, abs=1e-12)
    warm = rates("warmup_cosine", 1001, lr=2.0)
    assert warm[:51] == pytest.approx([step / 25 for step in range(51)])
    assert warm[525] == pytest.approx(1)
    assert warm[50:] == sorted(warm[50:], reverse=True)
    assert warm[-1] == pytest.approx(0, abs=1e-12)
    assert rates("constant", 5, lr=2.0) == [2.0] * 5


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_training_of_one_step(schedule):
    (rate,) = rates(schedule, 1)
    assert 0 < rate <= 0.3 and math.isfinite(rate)


def test_a_function_gives_the_rate_itself():
    assert rates(lambda step: 0.5 ** step, 4, lr=7) == [1, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_builtin_function_is_a_fraction_of_lr(name):
    assert rates(SCHEDULES[name], 50) == rates(name, 50)


def test_a_function_of_two_numbers_gives_a_fraction():
    assert rates(lambda step, num_steps: step / num_steps, 4, lr=8) == [
        0, 2, 4, 6]
    half = functools.partial(SCHEDULES["one_cycle"], peak=0.5)
    assert rates(half, 10, lr=2)[4] == 2
    # what has a default is a setting of the function's own
    assert rates(lambda step, every=2: step // every, 4, lr=8) == [0, 0, 1, 1]


@pytest.mark.parametrize("schedule, words", [
    (lambda step: None, "schedule gives None for step 0: it must give a"),
    (lambda step: math.nan, "gives nan for step 0"),
    (lambda step: 0.1 / step if step else "fast", "gives 'fast' for step 0"),
    (lambda step: 0.1 if step < 4 else math.inf, "gives inf for step 4"),
    (3, "schedule is 3: it must be a function, or one of constant, "),
    (["cosine"], "schedule is ['cosine']: it must be"),
])
def test_a_schedule_without_rates(letters, schedule, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        train(letters, schedule=schedule)


@pytest.fixture(scope="module")
def letters():
    """Each epoch has 14 steps of 40 characters."""
    return d2l.load_corpus("abcdefghi" * 70)


def train(corpus, model=None, **options):
    return d2l.fit(model or d2l.CharRNN(9, 4, 6, 1), corpus, 2, 0.1,
                   optimizer="sgd", batch_size=4, num_steps=10, **options)


@pytest.mark.parametrize("schedule, last_rates", [
    ("constant", [0.1, 0.1]),
    ("cosine", [0.1 * (1 + math.cos(math.pi * 13 / 27)) / 2, 0]),
    (SCHEDULES["cosine"], [0.1 * (1 + math.cos(math.pi * 13 / 27)) / 2, 0]),
    (lambda step: 0.1 / (1 + step), [0.1 / 14, 0.1 / 28]),
    # MXNet counts steps from 1, and divides after each five
    (mx.lr_scheduler.FactorScheduler(5, 0.5, base_lr=0.1),
     [0.1 * 0.5 ** 2, 0.1 * 0.5 ** 5]),
])
def test_a_schedule_reaches_the_optimizer(letters, schedule, last_rates,
                                          tmp_path):
    history = train(letters, schedule=copy.deepcopy(schedule),
                    folder=tmp_path)
    assert [record["characters"] for record in history] == [14 * 40] * 2
    assert [record["lr"] for record in history] == pytest.approx(last_rates)
    # its name is the same in another process, so the training can go on
    again = train(letters, schedule=copy.deepcopy(schedule), folder=tmp_path,
                  resume=True)
    assert again == history


def test_a_rate_of_zero_leaves_the_weights(letters):
    model = d2l.CharRNN(9, 4, 6, 1)
    model.initialize()
    before = weights(model)
    train(letters, model, schedule=lambda step: 0.0)
    for name, weight in weights(model).items():
        np.testing.assert_array_equal(weight, before[name])


def weights(model):
    return {name: param.data().asnumpy()
            for name, param in named_params(model).items()}


def torch_training(model, ids, lr, theta):
    """Train the same LSTM in PyTorch: two epochs, a step for 5 characters."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    ours = weights(model)
    embedding = torch.nn.Embedding(*ours["embedding.weight"].shape)
    lstm = torch.nn.LSTM(ours["embedding.weight"].shape[1],
                         model.num_hiddens)
    output = torch.nn.Linear(model.num_hiddens, model.vocab_size)
    params = {
        "embedding.weight": embedding.weight,
        "layers.0.i2h_weight": lstm.weight_ih_l0,
        "layers.0.h2h_weight": lstm.weight_hh_l0,
        "layers.0.i2h_bias": lstm.bias_ih_l0,
        "layers.0.h2h_bias": lstm.bias_hh_l0,
        "output.weight": output.weight, "output.bias": output.bias}
    for name, param in params.items():
        param.data = torch.tensor(ours[name])
    optimizer = torch.optim.SGD(params.values(), lr)
    rows = torch.tensor(ids.reshape(3, 31).T, dtype=torch.long)
    norms = []
    for _ in range(2):
        state = None
        for i in range(0, 30, 5):
            if state is not None:
                state = tuple(s.detach() for s in state)
            Y, state = lstm(embedding(rows[i:i + 5]), state)
            loss = torch.nn.functional.cross_entropy(
                output(Y).reshape(15, -1), rows[i + 1:i + 6].reshape(15))
            optimizer.zero_grad()
            loss.backward()
            norms.append(float(torch.nn.utils.clip_grad_norm_(
                params.values(), math.inf if theta is None else theta)))
            optimizer.step()
    return {name: param.detach().numpy() for name, param in params.items()
            }, norms


@pytest.mark.parametrize("theta", [None, 0.15])
def test_every_step_is_pytorchs(ctx, theta):
    """Carried states, cut gradients, the global norm: each step the same."""
    text = np.random.default_rng(2).choice(list("abcdef"), 103)
    corpus = d2l.load_corpus("".join(text))
    assert len(d2l.split(corpus, 0.1)[0]) == 93  # three rows of six steps
    model = d2l.CharRNN(corpus.vocab_size, 4, 7, 1)
    model.initialize(init.Normal(0.6), ctx=ctx)
    before = weights(model)
    expected, norms = torch_training(model, corpus.corpus_indices[:93], 0.5,
                                     theta)
    assert min(norms) > 0.15  # so that clipping does something
    d2l.fit(model, corpus, 2, 0.5, optimizer="sgd", batch_size=3, num_steps=5,
        clipping_theta=theta, ctx=ctx)
    for name, weight in weights(model).items():
        np.testing.assert_allclose(weight, expected[name], atol=2e-5)
        assert abs(weight - before[name]).max() > 1e-3


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "warmup_cosine"])
def test_steps_that_are_no_numbers_are_one_sentence(name):
    for step, num_steps in (("1", 9), (1, None), (np.ones(2), 9)):
        with pytest.raises(ValueError, match=f"^{name} cannot use|^cosine"):
            SCHEDULES[name](step, num_steps)
