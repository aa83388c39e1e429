"""A model that learns from the text it is measured on = PyTorch's."""
import runpy

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn.models.checkpoint import named_params
from d2lrnn.training.dynamic import step_sizes
from mxnet import init

SENTENCE = "the quick brown fox jumps over the lazy dog. "
NUM_STEPS = 7


@pytest.fixture(scope="module")
def fox():
    return d2l.load_corpus(SENTENCE * 8)


def make(corpus, **config):
    """Return a model whose weights are large enough to matter."""
    mx.random.seed(2)
    model = d2l.CharRNN(corpus.vocab_size, 6, 8, 2, **config)
    model.initialize(init.Normal(0.5))
    model.idx_to_char = corpus.idx_to_char
    return model


def in_rows(ids, batch_size):
    length = (len(ids) - 1) // batch_size
    return [ids[i:i + batch_size * length].reshape(batch_size, length)
            for i in (0, 1)]


def by_hand(torch, model, ids, train_ids, lr, decay):
    """Return the losses of Krause et al.'s rule, one parameter after another.

    ``model`` is PyTorch's.
    """
    def segments(ids, batch_size):
        X, Y = (torch.tensor(a.astype(int)) for a in in_rows(ids, batch_size))
        state = None
        for i in range(0, X.shape[1], NUM_STEPS):
            scores, state = model(X[:, i:i + NUM_STEPS], state)
            state = (tuple(s.detach() for s in state)
                     if isinstance(state, tuple) else state.detach())
            l = torch.nn.functional.cross_entropy(
                scores.flatten(0, 1), Y[:, i:i + NUM_STEPS].flatten(),
                reduction="none")
            model.zero_grad()
            l.mean().backward()
            yield l.detach().numpy()

    params = list(model.parameters())
    squares, count = [0] * len(params), 0
    for _ in segments(train_ids, min(100, len(train_ids) - 1)):
        squares = [square + param.grad ** 2 for square, param
                   in zip(squares, params, strict=True)]
        count += 1
    scales = [(square / count) ** 0.5 for square in squares]
    mean = torch.cat([scale.flatten() for scale in scales]).mean()
    first, losses = [param.data.clone() for param in params], []
    for l in segments(ids, 1):
        losses.append(l)
        for param, scale, start in zip(params, scales, first, strict=True):
            back = (decay * scale / mean).clamp(max=1) * (start - param.data)
            param.data += back - lr * param.grad / (scale + mean / 2)
    return np.concatenate(losses)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_pytorch_learns_the_same(fox, cell, tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    model = make(fox, cell=cell, dropout=0.5, weight_drop=0.5)
    d2l.save_model(tmp_path / "model.safetensors", model)
    folder = d2l.export(tmp_path / "model.safetensors", "torch",
                        tmp_path / "out")
    code = runpy.run_path(str(folder / "model.py"), run_name="model")
    other, _ = code["load"]()
    ids = fox.corpus_indices
    want = by_hand(torch, other, ids[200:300], ids[:200], 0.002, 0.5)
    losses, targets = d2l.evaluate_dynamically(
        model, ids[200:300], ids[:200], lr=0.002, decay=0.5,
        num_steps=NUM_STEPS)
    np.testing.assert_allclose(losses[0], want, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(targets[0], ids[201:300])
    still, _ = d2l.evaluate(model, ids[200:300], 1)
    assert abs(losses - still).max() > 0.1


@pytest.mark.parametrize("settings", [
    {"tie_weights": True}, {"cell": "mingru"}, {"cell": "ln_lstm"}])
def test_a_step_of_almost_nothing_is_no_step(fox, settings):
    model = make(fox, **settings) if "cell" in settings else d2l.CharRNN(
        fox.vocab_size, 8, 8, 1, **settings)
    model.initialize(init.Xavier())
    ids = fox.corpus_indices
    losses, _ = d2l.evaluate_dynamically(model, ids, ids, lr=1e-12)
    still, _ = d2l.evaluate(model, ids, 1)
    np.testing.assert_allclose(losses, still, atol=1e-4)


def test_it_learns_and_the_model_stays_as_it_is(fox):
    model = make(fox)
    before = {name: param.data().asnumpy()
              for name, param in named_params(model).items()}
    ids = fox.corpus_indices
    still, _ = d2l.evaluate(model, ids, 1)
    losses, _ = d2l.evaluate_dynamically(model, ids, ids, lr=0.02)
    assert losses[0, -45:].mean() < still[0, -45:].mean() - 0.5
    # nothing is learned before the first loss
    np.testing.assert_allclose(losses[0, :20], still[0, :20], atol=1e-5)
    for name, param in named_params(model).items():
        np.testing.assert_array_equal(param.data().asnumpy(), before[name])


def test_the_way_back_ends_at_the_trained_weights(fox):
    """With the whole way back at each step, only one step is ever away."""
    model, ids = make(fox), fox.corpus_indices
    free, _ = d2l.evaluate_dynamically(model, ids, ids, lr=0.02, decay=0)
    held, _ = d2l.evaluate_dynamically(model, ids, ids, lr=0.02, decay=1e6)
    still, _ = d2l.evaluate(model, ids, 1)
    assert free.mean() < held.mean() - 0.2
    assert abs(held.mean() - still.mean()) < abs(free.mean() - still.mean())


@pytest.mark.parametrize("wrong, words", [
    ({"model": 5}, "model is 5: give a CharRNN"),
    ({"lr": 0}, "lr is 0"), ({"decay": -1}, "decay is -1"),
    ({"num_steps": 0}, "num_steps is 0"),
    ({"corpus_indices": [1]}, "corpus_indices has 1 ids: give 2 or more"),
    ({"train_indices": []}, "train_indices has 0 ids: give 2 or more"),
    ({"train_indices": [0, 99]}, "ids of train_indices go from 0 to 99")])
def test_what_is_wrong_is_named(fox, wrong, words):
    arguments = {"model": make(fox), "corpus_indices": [1, 2, 3],
                 "train_indices": [1, 2, 3], **wrong}
    with pytest.raises(ValueError) as caught:
        d2l.evaluate_dynamically(**arguments)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_without_weights_is_refused(fox):
    model = d2l.CharRNN(fox.vocab_size, 6, 8, 1)
    with pytest.raises(ValueError, match="the model has no weights"):
        d2l.evaluate_dynamically(model, [1, 2, 3], [1, 2, 3])


def test_a_subclass_is_refused(fox):
    class Louder(d2l.CharRNN):
        """A copy would not be louder."""

    model = Louder(fox.vocab_size, 6, 8, 1)
    model.initialize()
    with pytest.raises(ValueError, match=r"give a CharRNN$"):
        d2l.evaluate_dynamically(model, [1, 2, 3], [1, 2, 3])


def test_a_model_that_learns_too_fast_is_told(fox):
    ids = fox.corpus_indices
    with pytest.raises(FloatingPointError, match=r"lower lr or decay$"):
        d2l.evaluate_dynamically(make(fox), ids, ids, lr=1e38)


def test_weights_that_are_nan_are_told_from_a_rate_that_is_too_high(fox):
    model, ids = make(fox), fox.corpus_indices
    model.output.bias.data()[0] = np.nan
    with pytest.raises(FloatingPointError, match="the gradients on the train"):
        d2l.evaluate_dynamically(model, ids, ids)


def test_a_model_of_one_character_has_nothing_to_learn():
    corpus = d2l.load_corpus("a" * 30)
    losses, targets = d2l.evaluate_dynamically(
        make(corpus), corpus.corpus_indices, corpus.corpus_indices, decay=1)
    np.testing.assert_allclose(losses, np.zeros((1, 29)), atol=1e-4)
    assert targets.tolist() == [[0] * 29]
    rates, shares = step_sizes([mx.nd.zeros(3)], 1e-4, 1)  # no gradient at all
    assert np.isfinite(rates[0].asnumpy()).all()
    assert shares[0].asnumpy().tolist() == [0, 0, 0]


def test_what_is_drawn_next_stays_the_same(fox):
    model = make(fox)
    drawn = []
    for measure in (lambda: None, lambda: d2l.evaluate_dynamically(
            model, [1, 2, 3], [1, 2, 3])):
        mx.random.seed(5)
        measure()
        drawn.append(mx.nd.random.uniform(shape=3).asnumpy())
    np.testing.assert_array_equal(*drawn)
