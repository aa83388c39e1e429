"""Training with held-out text: what it learns, measures and writes."""
import json
import math
import re

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import load_model, named_params
from d2lrnn.training import fit as fitting
from d2lrnn.training.evaluation import evaluate, in_rows
from d2lrnn.training.feeds import split
from d2lrnn.training.fit import fit
from d2lrnn.training.state import make_optimizer
from mxnet import init, nd
from mxnet.gluon import rnn

SENTENCE = "the quick brown fox jumps over the lazy dog. "
SETTINGS = {"batch_size": 4, "num_steps": 10, "seed": 3}


@pytest.fixture(scope="module")
def fox():
    return d2l.load_corpus(SENTENCE * 14)


def small(corpus, embed_size=8, num_hiddens=12, num_layers=1, **config):
    return CharRNN(corpus.vocab_size, embed_size, num_hiddens, num_layers,
                   **config)


def train(corpus, num_epochs=2, lr=0.02, **options):
    """Return the history and the weights of a small model's training."""
    model = options.pop("model", None) or small(corpus, dropout=0.2)
    history = fit(model, corpus, num_epochs, lr, **{**SETTINGS, **options})
    return history, weights(model)


def weights(model):
    return {name: param.data().asnumpy()
            for name, param in named_params(model).items()}


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a | b)


def timeless(history):
    return [{**record, "seconds": None} for record in history]


def test_abc_is_learned(abc, ctx):
    history, _ = train(abc, 8, 0.05, ctx=ctx)
    assert history[-1]["perplexity"] < 1.1
    assert history[-1]["held_out_perplexity"] < 1.05
    assert history[0]["perplexity"] > 1.1


def unigram_loss(train_ids, held_out_ids, vocab_size):
    """Return the loss of the training text's frequencies, none of them 0."""
    counts = np.bincount(train_ids, minlength=vocab_size) + 1
    return -np.log(counts / counts.sum())[held_out_ids].mean()


def test_text_is_predicted_better_than_by_frequencies(original, ctx):
    model = small(original, 64, 64, dropout=0.3)
    history, _ = train(original, 7, 0.005, model=model, batch_size=8,
                       num_steps=20, ctx=ctx)
    ids, held_out_ids, unk = split(original, 0.1)
    counts = np.bincount(ids, minlength=original.vocab_size) + 1
    baseline = -np.log(counts / counts.sum())
    known = held_out_ids[held_out_ids != unk]
    record = history[-1]
    assert record["held_out_known_loss"] < baseline[known].mean() - 0.05
    seen = set(original.text[:9000])
    unseen = [char not in seen for char in original.text[9000:]]
    # the first is no target, and 999 are 8 rows of 124 and 7 left over
    assert record["held_out_unk"] == np.mean(unseen[1:993]) > 0
    losses, targets = evaluate(model, held_out_ids, 8, 20)
    assert record["held_out_loss"] == pytest.approx(losses.mean(), rel=1e-6)
    assert record["held_out_known_loss"] == pytest.approx(
        losses[targets != unk].mean(), rel=1e-6)
    assert record["held_out_known_loss"] < record["held_out_loss"]


@pytest.mark.parametrize("cell, unroll", [
    ("lstm", "fused"), ("gru", "foreach"), ("ln_lstm", "static"),
    ("mingru", "foreach"), ("minlstm", "static")])
@pytest.mark.parametrize("batch_size, num_steps", [(1, 7), (3, 10)])
def test_evaluate_reads_as_a_naive_loop(fox, ctx, cell, unroll, batch_size,
                                        num_steps):
    model = small(fox, cell=cell, unroll=unroll, num_layers=2, dropout=0.5)
    model.initialize(init.Normal(0.5), ctx=ctx)
    model.hybridize(static_alloc=True, static_shape=True)
    ids = fox.corpus_indices[:70]
    losses, targets = evaluate(model, ids, batch_size, num_steps)
    less_sure, _ = evaluate(model, ids, batch_size, num_steps, 1.5)
    length = 69 // batch_size
    assert losses.shape == targets.shape == (batch_size, length)
    for row in range(batch_size):
        state = model.begin_state(1, ctx)
        for i in range(length):
            here = row * length + i
            scores, state = model(nd.array([[ids[here]]], ctx), state)
            scores = scores.asnumpy()[0].astype(np.float64)
            for measured, divided in ((losses, scores),
                                      (less_sure, scores / 1.5)):
                expected = (np.log(np.exp(divided).sum())
                            - divided[ids[here + 1]])
                assert measured[row, i] == pytest.approx(expected, abs=1e-5)
            assert targets[row, i] == ids[here + 1]


@pytest.mark.parametrize("wrong", [
    {"corpus_indices": []}, {"corpus_indices": [1]}, {"batch_size": 0},
    {"num_steps": 0}, {"corpus_indices": [0, 99]}, {"temperature": 0},
    {"temperature": "hot"}])
def test_what_cannot_be_evaluated(fox, wrong):
    model = small(fox)
    model.initialize()
    with pytest.raises(ValueError, match=(
            r"nothing to evaluate|outside 0|must be a whole number|"
            r"temperature is .*: it must be between 0.01 and 100")):
        evaluate(model, **{"corpus_indices": [0, 1, 2], **wrong})


def test_the_last_tenth_is_held_out():
    text = "abcab" * 18 + "axbyc" + "dabca"
    ids, rest, unk = split(d2l.load_corpus(text), 0.1)
    assert ids.tolist() == [0, 1, 2, 0, 1] * 18
    assert unk == 3  # d, the first that only the end has
    assert rest.tolist() == [0, 3, 1, 3, 2, 3, 0, 1, 2, 0]
    # d occurs once, so it is <unk> everywhere; z only in the held-out part
    corpus = d2l.load_corpus(text + "zyzx", min_freq=2)
    assert corpus.idx_to_char == ["<unk>", "a", "b", "c", "x", "y", "z"]
    _, rest, unk = split(corpus, 0.1)
    assert rest.tolist() == [3, 0, 1, 2, 3, 1, 0, 5, 0, 4] and unk == 0
    _, rest, unk = split(d2l.load_corpus("ab" * 50), 0.2)
    assert len(rest) == 20 and unk == -1


def test_of_a_second_text_only_what_the_vocabulary_lacks_is_unknown():
    # c and d are not in the part to train on, but the model may know them
    second = d2l.load_corpus("a" * 90 + "bcdx" * 2 + "ab",
                             vocabulary=["a", "b", "c", "d", "<unk>"])
    ids, rest, unk = split(second, 0.1)
    assert unk == 4 and set(ids.tolist()) == {0}
    assert rest.tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 0, 1]
    second = d2l.load_corpus("a" * 90 + "bcd" * 3 + "a",
                             vocabulary=list("abcdefg"))
    _, rest, unk = split(second, 0.1)
    assert unk == -1 and rest.tolist() == [1, 2, 3] * 3 + [0]


@pytest.mark.parametrize("level", ["char", "word"])
def test_a_model_goes_on_with_a_second_text_and_is_measured_on_a_third(
        tmp_path, level):
    first = d2l.load_corpus(SENTENCE * 20 + "Zyzzyva", level=level,
                            min_freq=2)
    fit(small(first), first, 6, 0.02, folder=tmp_path, **SETTINGS)
    model = load_model(tmp_path / "best.safetensors")
    words = {"vocabulary": model.idx_to_char, "level": model.level}
    second = d2l.load_corpus("the lazy dog jumps. " * 40, **words)
    third = d2l.load_corpus("the lazy dog! jumps. " * 20, **words)
    assert second.idx_to_char == first.idx_to_char
    before = evaluate(model, second.corpus_indices)[0].mean()
    history = fit(model, second, 4, 0.02, **SETTINGS)
    assert history[-1]["held_out_loss"] < min(0.5, before)
    assert history[-1]["held_out_unk"] == 0
    losses, targets = evaluate(model, third.corpus_indices)
    # ! alone is unknown
    unknown = d2l.tokenize("the lazy dog! jumps. ", level)
    assert np.mean(targets == 0) == pytest.approx(1 / len(unknown), rel=0.1)
    assert losses[targets != 0].mean() < losses[targets == 0].mean()
    assert model.idx_to_char == first.idx_to_char


def test_the_share_of_unknown_words(fox):
    text = SENTENCE * 14 + "a cat jumps over a dog. " * 3
    corpus = d2l.load_corpus(text, level="word", min_freq=2)
    history, _ = train(corpus, 1, held_out=0.15, batch_size=1)
    tokens = [corpus.idx_to_char[i] for i in corpus.corpus_indices]
    num_train = len(tokens) - round(0.15 * len(tokens))
    seen = set(tokens[:num_train])
    unknown = [token not in seen or token == "<unk>"
               for token in tokens[num_train + 1:]]
    assert history[0]["held_out_unk"] == pytest.approx(np.mean(unknown))
    assert history[0]["held_out_unk"] > 0.05
    ratio = len(tokens) / len(text) / math.log(2)
    for part in ("", "held_out_"):
        assert history[0][part + "bits_per_char"] == pytest.approx(
            history[0][part + "loss"] * ratio)


def test_bits_of_characters(fox):
    for record in train(fox)[0]:
        for part in ("", "held_out_"):
            loss = record[part + "loss"]
            assert record[part + "bits_per_char"] == pytest.approx(
                loss / math.log(2))
            assert record[part + "perplexity"] == pytest.approx(
                math.exp(loss))
        assert record["held_out_unk"] == 0
        assert record["held_out_known_loss"] == record["held_out_loss"]


def test_only_unknown_characters_are_held_out(tmp_path):
    corpus = d2l.load_corpus("ab" * 90 + "xyzzy" * 4)
    history, _ = train(corpus, 1, folder=tmp_path)
    assert history[0]["held_out_unk"] == 1
    assert history[0]["held_out_known_loss"] is None
    strict_json(tmp_path / "record.json")


def test_the_held_out_text_is_never_trained_on(fox):
    text = fox.text
    other = d2l.load_corpus(text[:-63] + text[-63:][::-1])
    assert other.idx_to_char == fox.idx_to_char
    (one, a), (another, b) = train(fox), train(other)
    assert same(a, b)
    assert one[-1]["loss"] == another[-1]["loss"]
    assert one[-1]["held_out_loss"] != another[-1]["held_out_loss"]


def test_the_best_epoch_is_kept(tmp_path, fox, ctx):
    """The last two epochs have a rate that is far too high."""
    history, last = train(fox, 5, folder=tmp_path, ctx=ctx,
                          schedule=lambda step: 0.02 if step < 42 else 2.0)
    losses = [record["held_out_loss"] for record in history]
    best = load_model(tmp_path / "best.safetensors", ctx)
    assert losses[-1] > min(losses) and not same(weights(best), last)
    measured, _ = evaluate(best, split(fox, 0.1)[1], 4, 10)
    assert measured.mean(dtype="float64") == pytest.approx(min(losses),
                                                           rel=1e-6)
    last_model = load_model(tmp_path / "last.safetensors", ctx)
    assert same(weights(last_model), last)


def test_patience(tmp_path, capsys):
    """Random letters can only be learned by heart."""
    letters = np.random.default_rng(1).choice(list("abcdefgh"), 300)
    corpus = d2l.load_corpus("".join(letters))
    history, _ = train(corpus, 60, 0.05, patience=3, folder=tmp_path,
                       model=small(corpus, 8, 32))
    losses = [record["held_out_loss"] for record in history]
    assert losses.index(min(losses)) == len(losses) - 4
    assert len(history) < 60
    assert capsys.readouterr().out.endswith(
        "stopped early: no better held-out loss for 3 epochs\n")
    again = fit(small(corpus, 8, 32), corpus, 60, 0.05, patience=3,
                folder=tmp_path, resume=True, **SETTINGS)
    assert again == history


@pytest.mark.parametrize("optimizer, lr, params", [
    ("sgd", 2.0, {}), ("sgd", 0.5, {"momentum": 0.9}), ("nag", 2.0, {}),
    ("adam", 0.02, {}), ("adamax", 0.02, {}), ("nadam", 0.02, {}),
    ("rmsprop", 0.02, {"centered": True}), ("adagrad", 0.1, {}),
    ("adadelta", 1.0, {}), ("ftml", 0.02, {}),
    ("lamb", 0.02, {}), ("dcasgd", 2.0, {}), ("signum", 0.02, {})])
def test_every_optimizer_learns(abc, optimizer, lr, params, ctx):
    history, _ = train(abc, 4, lr, ctx=ctx, optimizer=optimizer,
                       optimizer_params=params, model=small(abc))
    assert history[-1]["loss"] < 0.8 * math.log(3)
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("optimizer", sorted(
    mx.optimizer.Optimizer.opt_registry.keys() - {"test", "groupadagrad"}))
def test_an_embedding_of_characters_never_seen_stays_finite(optimizer):
    corpus = d2l.load_corpus("ab" * 100 + "z" * 30)
    model = small(corpus)
    history, weights = train(corpus, 1, 0.01, model=model, batch_size=2,
                             optimizer=optimizer, held_out=0.15)
    assert math.isfinite(history[0]["held_out_loss"])
    assert all(np.isfinite(weight).all() for weight in weights.values())


def test_adamax_is_pytorchs():
    torch = pytest.importorskip("torch")
    start = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    ours, theirs = nd.array(start), torch.tensor(start, requires_grad=True)
    optimizer, other = make_optimizer("adamax", {}), torch.optim.Adamax(
        [theirs], 0.02)
    optimizer.set_learning_rate(0.02)
    state = optimizer.create_state(0, ours)
    for step in range(5):
        grad = start * np.cos(step).astype("float32")
        grad[1] = 0
        optimizer.update(0, ours, nd.array(grad), state)
        theirs.grad = torch.tensor(grad)
        other.step()
    np.testing.assert_allclose(ours.asnumpy(), theirs.detach().numpy(),
                               rtol=1e-5)
    np.testing.assert_array_equal(ours.asnumpy()[1], start[1])


def test_an_optimizer_for_matrices_alone(fox):
    with pytest.raises(ValueError, match=(
            r"^the optimizer GroupAdaGrad cannot update \S+, of shape "
            r"\(48,\)")):
        train(fox, optimizer="groupadagrad")


def test_optimizer_params_reach_the_optimizer(fox):
    plain, momentum = (train(fox, optimizer="sgd", optimizer_params=params)
                       for params in ({}, {"momentum": 0.9}))
    assert not same(plain[1], momentum[1])


def strict_json(path):
    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_a_lost_loss_leaves_readable_files(fox, tmp_path):
    """The second epoch throws the weights out of all bounds."""
    with pytest.raises(FloatingPointError) as caught:
        train(fox, 3, folder=tmp_path, optimizer="sgd", clipping_theta=None,
              schedule=lambda step: 0.1 if step < 14 else 1e38)
    sentence = str(caught.value)
    assert re.fullmatch(r"the loss is (nan|inf|[\d.]+), and \S+ held out, in "
                        r"epoch 2 at lr 1e\+38: lower lr, or set a lower "
                        r"clipping_theta", sentence)
    assert "nan" in sentence or "inf" in sentence
    for name in ("best", "last"):
        model = load_model(tmp_path / f"{name}.safetensors")
        assert all(np.isfinite(weight).all()
                   for weight in weights(model).values())
    assert not (tmp_path / "record.json").exists()


def test_a_perplexity_beyond_all_numbers(fox, tmp_path):
    history, _ = train(fox, 1, 1e6, folder=tmp_path)
    assert history[0]["held_out_perplexity"] == math.inf
    training = strict_json(tmp_path / "record.json")["trainings"]["fit"]
    assert training["best"]["held_out_perplexity"] == "Infinity"


def test_the_printed_lines(fox, capsys):
    history, _ = train(fox, 3)
    first, *lines = capsys.readouterr().out.splitlines()[-4:]
    assert first == ("567 chars to train on, 63 held out, 0.00% of them "
                     "<unk>")
    for epoch, (line, record) in enumerate(zip(lines, history, strict=True)):
        assert line == (
            f"epoch {epoch + 1}, perplexity {record['perplexity']:.3f}, held "
            f"out {record['held_out_perplexity']:.3f} "
            f"({record['held_out_bits_per_char']:.3f} bits/char), "
            f"{record['seconds']:.1f} sec")


def test_the_record(fox, tmp_path):
    history, _ = train(fox, 3, folder=tmp_path / "new" / "run",
                       optimizer_params={"beta1": np.float32(0.5)})
    record = strict_json(tmp_path / "new" / "run" / "record.json")
    assert record["name"] == "run"
    assert record["trainings"]["fit"]["history"] == history
    best = min(history, key=lambda epoch: epoch["held_out_loss"])
    assert record["trainings"]["fit"]["best"] == {
        key: best[key] for key in (
            "epoch", "held_out_perplexity", "held_out_bits_per_char",
            "held_out_unk")}
    settings = record["settings"]
    assert settings["num_epochs"] == 3 and settings["cell"] == "lstm"
    assert settings["optimizer_params"] == {"beta1": 0.5}
    assert record["text"]["sha256"] == fox.sha256
    assert {path.name for path in (tmp_path / "new" / "run").iterdir()} == {
        "last.safetensors", "best.safetensors", "record.json",
        "report.html", "studio.html"}


def test_a_second_training_goes_on_from_the_weights(fox):
    model = small(fox)
    first = fit(model, fox, 6, 0.03, **SETTINGS)
    weights_between = weights(model)
    second = fit(model, fox, 1, 1e-9, **SETTINGS)
    assert second[0]["epoch"] == 1
    assert second[0]["held_out_loss"] == pytest.approx(
        first[-1]["held_out_loss"], abs=1e-4)
    for name, weight in weights(model).items():
        np.testing.assert_allclose(weight, weights_between[name], atol=1e-6)


def test_averages_of_the_weights_are_measured_and_kept(fox, tmp_path):
    """Averages in NumPy, with the weights after each step, are the same."""
    steps, update = [], fitting.TrainingState.update

    def spy(run, lr):
        update(run, lr)
        steps.append({name: param.data().asnumpy() for name, param
                      in named_params(run.model).items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.TrainingState, "update", spy)
        seen = []
        history, final = train(
            fox, 2, average=0.9, folder=tmp_path,
            on_epoch_end=lambda model, record: seen.append(weights(model)))
    averages, epochs = dict.fromkeys(final, 0.0), []
    for i, step in enumerate(steps, 1):
        kept = min(0.9, i / (i + 9))
        if i == 1:
            averages = {name: param.data().asnumpy() for name, param
                        in named_params(first_model(fox)).items()}
        averages = {name: kept * averages[name] + (1 - kept) * step[name]
                    for name in step}
        if 2 * i % len(steps) == 0:
            epochs.append(averages)
    for got, want in zip([*seen, final], [*epochs, epochs[-1]], strict=True):
        for name, weight in want.items():
            np.testing.assert_allclose(got[name], weight, atol=1e-6)
    best = min(history, key=lambda record: record["held_out_loss"])
    kept = weights(load_model(tmp_path / "best.safetensors"))
    assert same(kept, seen[best["epoch"] - 1])
    plain, last = train(fox, 2)
    assert [r["loss"] for r in plain] == [r["loss"] for r in history]
    assert same(steps[-1], last)


def first_model(corpus):
    """Return the model that ``train`` begins with."""
    mx.random.seed(SETTINGS["seed"])
    model = small(corpus, dropout=0.2)
    model.initialize(init.Xavier())
    return model


def test_a_seed_repeats_a_training(fox):
    runs = [train(fox, seed=seed) for seed in (5, 5, 6)]
    assert timeless(runs[0][0]) == timeless(runs[1][0])
    assert same(runs[0][1], runs[1][1])
    assert not same(runs[0][1], runs[2][1])


def test_dropout_and_offsets_change_with_the_epoch(fox, monkeypatch):
    """Nothing is learned at rate 0; yet each epoch reads and drops anew."""
    model = small(fox, dropout=0.5)
    history, _ = train(fox, 3, model=model, schedule=lambda step: 0.0)
    assert len({record["loss"] for record in history}) == 3
    firsts, step = [], fitting.train_step

    def spy(run, x, *rest):
        firsts.append(x[0].tolist())
        step(run, x, *rest)

    monkeypatch.setattr(fitting, "train_step", spy)
    train(fox, 6)
    offsets = [first[:5] for first in firsts[::14]]
    assert len(offsets) == 6 and 1 < len(set(map(tuple, offsets))) < 5


@pytest.mark.parametrize("wrong, words", [
    ({"num_epochs": 0}, "num_epochs is 0"),
    ({"num_epochs": 1.5}, "num_epochs is 1.5"),
    ({"lr": 0}, "lr is 0"), ({"lr": math.nan}, "lr is nan"),
    ({"average": 0}, "average is 0: it must be between 0 and 1"),
    ({"average": 1}, "average is 1"),
    ({"lr": None}, "lr is None"), ({"lr": "fast"}, "lr is 'fast'"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"batch_size": 2.5}, "batch_size is 2.5"),
    ({"batch_size": 600}, "too few"), ({"num_steps": 600}, "too few"),
    ({"num_steps": None}, "num_steps is None"),
    ({"optimizer": "best"}, "no optimizer 'best'"),
    ({"optimizer": None}, "optimizer is None: it must be the name of one"),
    ({"optimizer_params": {"speed": 1}}, "speed"),
    ({"optimizer_params": {"learning_rate": 1}}, "give lr and schedule"),
    ({"optimizer_params": {"beta1": object()}}, "a setting is not a number"),
    ({"optimizer": "adamax", "optimizer_params": {"beta2": 0}},
     "(beta2 is 0: it must be a number above 0)"),
    ({"schedule": "soon"}, "schedule is 'soon'"),
    ({"schedule": None}, "schedule is None"),
    ({"clipping_theta": 0}, "clipping_theta is 0"),
    ({"held_out": 0}, "held_out is 0"), ({"held_out": 1}, "held_out is 1"),
    ({"held_out": 1e-3}, "held_out is 0.001 of 630 ids, too"),
    ({"patience": 0}, "patience is 0"), ({"seed": -1}, "seed is -1"),
    ({"seed": None}, "seed is None"),
    ({"save_minutes": None}, "save_minutes is None"),
    ({"resume": True}, "needs the folder"),
])
def test_wrong_arguments(fox, capsys, wrong, words):
    options = {"num_epochs": 1, "lr": 0.01, **SETTINGS, **wrong}
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        fit(small(fox), fox, **options)
    assert "\n" not in str(caught.value)
    assert "epoch" not in capsys.readouterr().out


def test_wrong_models_and_corpora(fox, abc):
    with pytest.raises(ValueError, match=r"vocabulary of 3, the corpus one"):
        fit(small(abc), fox, 1, 0.01)
    with pytest.raises(ValueError, match="needs a CharRNN and a Corpus"):
        fit(mx.gluon.nn.Dense(3), fox, 1, 0.01)
    with pytest.raises(ValueError, match=r"a CharRNN and a tuple: it needs"):
        fit(small(fox), tuple(fox), 1, 0.01)


def test_the_norms_of_the_gradients(fox):
    record = fit(small(fox), fox, 1, 0.03, **{
        **SETTINGS, "clipping_theta": 0.2})[0]
    assert 0 < record["clipped_grad_norm"] <= 0.2 * (1 + 1e-6)
    assert record["grad_norm"] > record["clipped_grad_norm"]
    record = fit(small(fox), fox, 1, 0.03, **{
        **SETTINGS, "clipping_theta": None})[0]
    assert record["grad_norm"] == record["clipped_grad_norm"]


def other_letters(corpus):
    """Return a corpus of as many letters, not all of them the same."""
    return d2l.load_corpus(corpus.text.replace("z", "Z"))


def test_another_vocabulary_of_the_same_size_is_refused(fox):
    model = small(fox)
    fit(model, fox, 2, 0.03, **SETTINGS)
    before, letters = weights(model), model.idx_to_char
    with pytest.raises(ValueError, match=r"another vocabulary than that of "
                                         r"the corpus, and they differ in 'Z'"
                       ) as caught:
        fit(model, other_letters(fox), 1, 0.03, **SETTINGS)
    assert str(caught.value).endswith(
        "read the text with load_corpus(..., vocabulary=model.idx_to_char)")
    assert model.idx_to_char == letters and same(weights(model), before)


def test_another_level_is_refused(fox):
    """Its tokens have the same names, and mean something else."""
    letters, words = (d2l.load_corpus("a b c d " * 60, level=level)
                      for level in ("char", "word"))
    assert letters.idx_to_char == words.idx_to_char
    model = small(letters)
    fit(model, letters, 1, 0.03, **SETTINGS)
    with pytest.raises(ValueError, match="was trained at the level char, and "
                                         "the corpus is at the level word"):
        fit(model, words, 1, 0.03, **SETTINGS)
    assert model.level == "char"


def test_a_vocabulary_of_another_size_names_the_remedy(fox):
    model = small(fox)
    fit(model, fox, 1, 0.03, **SETTINGS)
    with pytest.raises(ValueError, match=r"vocabulary=model\.idx_to_char"):
        fit(model, d2l.load_corpus(fox.text + "?!"), 1, 0.03, **SETTINGS)


def test_another_text_of_the_same_vocabulary_is_learned(fox, tmp_path):
    """Also by a model that was loaded."""
    model = small(fox)
    fit(model, fox, 2, 0.03, **SETTINGS)
    d2l.save_model(tmp_path / "m.safetensors", model)
    text = "a lazy fox jumps. " * 30 + SENTENCE
    again = d2l.load_corpus(text)
    assert again.idx_to_char == fox.idx_to_char
    loaded = load_model(tmp_path / "m.safetensors")
    histories = [fit(m, again, 2, 0.03, **SETTINGS) for m in (model, loaded)]
    assert histories[0][-1]["loss"] < histories[0][0]["loss"]
    assert timeless(histories[0]) == timeless(histories[1])
    with pytest.raises(ValueError, match="another vocabulary"):
        fit(loaded, other_letters(fox), 1, 0.03, **SETTINGS)


def test_a_model_that_learned_nothing_takes_any_vocabulary(fox):
    """Its weights may have been drawn, or its vocabulary set."""
    drawn, named = small(fox), small(fox)
    drawn.initialize(init.Xavier())
    named.idx_to_char = fox.idx_to_char
    for model in (drawn, named):
        fit(model, other_letters(fox), 1, 0.03, **SETTINGS)
        assert "Z" in model.idx_to_char


@pytest.mark.parametrize("name, value", [
    ("folder", ""), ("folder", 3), ("folder", "a\0b"), ("folder", b"a"),
    ("ctx", "tpu"), ("ctx", 0), ("ctx", ""), ("resume", "no"),
    ("on_epoch_end", "print"), ("batch_size", None), ("num_steps", "8"),
    ("held_out", 2.0), ("held_out", math.nan), ("num_epochs", 2 ** 31),
    ("seed", -1), ("patience", 0), ("lr", "0.1"), ("save_minutes", -1)])
def test_an_option_that_is_none_is_one_sentence(fox, monkeypatch, tmp_path,
                                                name, value):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:
        train(fox, **{name: value})
    assert str(caught.value).startswith(f"{name} is ")
    assert "\n" not in str(caught.value) and ": " in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_feed_or_a_model_that_is_none_is_one_sentence(fox):
    with pytest.raises(ValueError, match=r"^feed is .*: give fit_feed a mod"):
        fitting.fit_feed(small(fox), fox, 1, 0.1)
    with pytest.raises(ValueError, match=r"^model is 'gru': give fit_feed a"):
        fitting.fit_feed("gru", d2l.Rows(fox, 2, 3, 0.1), 1, 0.1)


def test_numpys_numbers_and_a_device_by_name_train_the_same(fox, tmp_path):
    plain, weights = train(fox, 1)
    numpys, same_weights = train(
        fox, np.int64(1), np.float64(0.02), batch_size=np.int32(4),
        num_steps=np.uint8(10), seed=np.int64(3), ctx="cpu",
        clipping_theta=np.float32(1), held_out=np.float64(0.1),
        folder=str(tmp_path / "run"), resume=np.False_)
    assert timeless(plain) == timeless(numpys)
    assert same(weights, same_weights)
    settings = json.loads((tmp_path / "run/record.json").read_text("utf-8"))[
        "settings"]
    assert (settings["batch_size"], settings["num_steps"]) == (4, 10)


@pytest.mark.parametrize("held_out", [2.0, 0, 1, -0.1, "0.1", None, math.nan])
def test_no_part_of_a_text_is_so_large(fox, held_out):
    with pytest.raises(ValueError, match=r"^held_out is .*: it must be betw"):
        split(fox, held_out)


def test_a_model_without_weights_is_not_evaluated(fox):
    with pytest.raises(ValueError, match="has no weights: call initialize"):
        evaluate(small(fox), [0, 1, 2])
    with pytest.raises(ValueError, match=r"^model is None: give a CharRNN"):
        evaluate(None, [0, 1, 2])


def test_a_model_of_another_precision_is_refused_until_it_is_cast(fox):
    model = small(fox)
    model.initialize()
    before, _ = evaluate(model, [0, 1, 2])
    model.cast("float16")
    words = r"^the model's weights are float16: call model.cast\('float32'\)$"
    with pytest.raises(ValueError, match=words):
        evaluate(model, [0, 1, 2])
    with pytest.raises(ValueError, match=words):
        fit(model, fox, 1, 0.02, batch_size=4, num_steps=10)
    model.cast("float32")
    assert evaluate(model, [0, 1, 2])[0] == pytest.approx(before, abs=1e-2)


def test_frozen_weights_stay_and_others_have_their_own_rate(fox):
    model = small(fox, num_layers=2)
    model.initialize()
    model.embedding.collect_params().setattr("grad_req", "null")
    model.output.weight.lr_mult = 0
    before = weights(model)
    _, after = train(fox, model=model)
    assert {name for name in before if same({0: before[name]},
                                            {0: after[name]})} == {
        "embedding.weight", "output.weight"}


@pytest.mark.parametrize("grad_req, words", [
    ("add", "has the grad_req 'add', with which gradients add up"),
    ("null", "all of the model's parameters have the grad_req 'null'")])
def test_gradients_that_cannot_be_used(fox, grad_req, words):
    model = small(fox)
    model.collect_params().setattr("grad_req", grad_req)
    with pytest.raises(ValueError, match=words):
        train(fox, model=model)
    assert all(p._data is None for p in model.collect_params().values())
    assert model.idx_to_char is None


def test_the_books_model_is_measured(fox):
    model = d2l.RNNModel(rnn.LSTM(8, num_layers=2), fox.vocab_size)
    model.initialize(init.Xavier())
    losses, targets = evaluate(model, fox.corpus_indices, 3, 10)
    X, _ = in_rows(fox.corpus_indices, 3)
    output, _ = model(nd.array(X), model.begin_state(batch_size=3))
    want = -nd.pick(nd.log_softmax(output), nd.array(targets.T.reshape(-1)))
    np.testing.assert_allclose(losses.T.reshape(-1), want.asnumpy(),
                               atol=1e-5)


def test_a_model_of_windows_is_not_measured_as_a_text(fox):
    model = d2l.WindowLSTM(fox.vocab_size)
    model.initialize()
    with pytest.raises(ValueError, match="model is a WindowLSTM, which carr"):
        evaluate(model, fox.corpus_indices)


def test_a_folder_that_is_taken_costs_the_model_nothing(fox, tmp_path):
    train(fox, folder=tmp_path)
    model = small(fox)
    for options, words in (({}, "already holds a training run"),
                           ({"folder": tmp_path / "new", "resume": True},
                            "there is no checkpoint at")):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            train(fox, model=model, **{"folder": tmp_path, **options})
    assert all(p._data is None for p in model.collect_params().values())
    assert model.idx_to_char is None
