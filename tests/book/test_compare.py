"""The lesson that compares models: its Transformer is PyTorch's as well."""
import ast
from pathlib import Path

import numpy as np
import pytest
from mxnet import autograd, init, nd

LESSON = Path(__file__).parents[2] / "chapters" / "compare.py"
KINDS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
SIZES = {"vocab_size": 11, "num_hiddens": 8, "num_layers": 2, "Tx": 7}
IDS = np.random.default_rng(1).integers(11, size=(3, 8))


@pytest.fixture
def names():
    """The imports and definitions of the lesson, without its trainings."""
    tree = ast.parse(LESSON.read_text("utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, KINDS)]
    found = {}
    exec(compile(tree, LESSON, "exec"), found)
    return found


def made(names):
    model = names["Transformer"](**SIZES, dropout=0.2)
    model.initialize(init.Normal(0.5))
    model(nd.array(IDS[:, :-1]))  # its shapes are known from here on
    for name, param in model.collect_params().items():
        if name.endswith(("bias", "gamma", "beta")):
            param.set_data(nd.random.normal(shape=param.shape))
    return model


def in_pytorch(torch, num_heads):
    """Return the class of the same model in PyTorch, in its own operators."""
    nn, functional = torch.nn, torch.nn.functional

    class Layer(nn.Module):
        def __init__(self, h):
            super().__init__()
            self.norm = nn.LayerNorm(h)
            self.qkv, self.join = nn.Linear(h, 3 * h), nn.Linear(h, h)
            self.feed_forward = nn.Sequential(
                nn.LayerNorm(h), nn.Linear(h, 4 * h), nn.ReLU(),
                nn.Linear(4 * h, h))

        def forward(self, X):
            Q, K, V = (a.unflatten(2, (num_heads, -1)).transpose(1, 2)
                       for a in self.qkv(self.norm(X)).chunk(3, dim=2))
            H = functional.scaled_dot_product_attention(Q, K, V,
                                                        is_causal=True)
            X = X + self.join(H.transpose(1, 2).flatten(2))
            return X + self.feed_forward(X)

    class Transformer(nn.Module):
        def __init__(self, vocab_size, num_hiddens, num_layers, Tx):
            super().__init__()
            self.embedding = nn.Embedding(vocab_size, num_hiddens)
            self.positions = nn.Embedding(Tx, num_hiddens)
            self.layers = nn.Sequential(
                *(Layer(num_hiddens) for _ in range(num_layers)),
                nn.LayerNorm(num_hiddens), nn.Linear(num_hiddens, vocab_size))

        def forward(self, X):
            steps = torch.arange(X.shape[1])
            return self.layers(self.embedding(X) + self.positions(steps))

    return Transformer(**SIZES)


def test_the_transformer_is_that_of_pytorch(names):
    torch = pytest.importorskip("torch")
    ours = made(names)
    theirs = in_pytorch(torch, names["Layer"].num_heads)
    pairs = [*zip(ours.collect_params().values(), theirs.parameters(),
                  strict=True)]
    for param, tensor in pairs:
        assert param.shape == tuple(tensor.shape)
        tensor.data = torch.from_numpy(param.data().asnumpy())
    with autograd.record(train_mode=False):
        l = names["losses"](ours, IDS).mean()
        scores, _ = ours(nd.array(IDS[:, :-1]))
    l.backward()
    expected = theirs(torch.from_numpy(IDS[:, :-1])).transpose(0, 1)
    torch.nn.functional.cross_entropy(
        expected.flatten(0, 1),
        torch.from_numpy(IDS[:, 1:].T.flatten())).backward()
    assert np.abs(scores.asnumpy() - expected.flatten(0, 1).detach(
        ).numpy()).max() < 1e-5
    for param, tensor in pairs:
        np.testing.assert_allclose(param.grad().asnumpy(),
                                   tensor.grad.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_a_score_changes_with_later_characters_only_without_mask(
        names, causal):
    names["Layer"].causal = causal
    model, changed = made(names), IDS[:, :-1].copy()
    changed[:, 4:] = (changed[:, 4:] + 1) % SIZES["vocab_size"]
    one, other = (model(nd.array(ids))[0].asnumpy().reshape(7, -1)
                  for ids in (IDS[:, :-1], changed))
    same = (one == other).all(axis=1)
    assert [*same] == [causal] * 4 + [False] * 3


@pytest.mark.parametrize(("kind", "sizes", "last"), [
    ("CharRNN", (4, 5, 1), 10), ("WindowLSTM", (5, 0.0, 40), 1),
    ("Transformer", (8, 1, 0.0, 64), 10)])
def test_each_held_out_character_is_judged_once(names, kind, sizes, last):
    d2l, losses, read = names["d2l"], names["losses"], []

    def recorded(model, pieces):
        read.append(pieces)
        return losses(model, pieces)

    names.update(seconds=0, num_marks=1, losses=recorded)
    corpus = d2l.load_corpus("original_sonnets.txt", num_chars=4_000)
    ids, rest, _ = d2l.split(corpus, 0.1)
    model, marks = names["train"](
        1, corpus, names.get(kind) or getattr(d2l, kind), 0.01, *sizes)
    trained, judged = read
    assert [*judged[:, -last:].reshape(-1)] == [*rest]
    text = "".join(map(chr, ids))  # an id has one place in a str
    assert all("".join(map(chr, piece)) in text for piece in trained)
    one_by_one = [losses(model, piece[None])[-last:].mean().asscalar()
                  for piece in judged]
    assert marks.shape == (1, 3)
    assert marks[0, 2] == pytest.approx(np.mean(one_by_one), rel=1e-5)
