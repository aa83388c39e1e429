"""A reader's own feed: what it must define, and what it then gets."""
import math
import re

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import jazz
from d2lrnn.models.checkpoint import read
from d2lrnn.training import fit as fitting
from mxnet.gluon import rnn


class Excerpts(d2l.Feed):
    """Mini-batches of excerpts that begin anywhere in a text."""

    def __init__(self, corpus, batch_size, num_steps, num_batches):
        units = [batch_size * num_steps] * num_batches
        super().__init__(corpus, "char", units, batch_size=batch_size,
                         num_steps=num_steps)

    def epoch(self, rng):
        ids, num_steps = self.corpus.corpus_indices, self.settings["num_steps"]
        for _ in self.units:
            starts = rng.integers(len(ids) - num_steps, size=self.batch_size)
            X = starts[:, None] + np.arange(num_steps)
            yield ids[X], ids[X + 1].T.reshape(-1)


def train(corpus, num_epochs=2, **options):
    """Return the history of a small model's training on ``Excerpts``."""
    model = d2l.CharRNN(corpus.vocab_size, 4, 8, 1, dropout=0.2)
    feed = options.pop("feed", None) or Excerpts(corpus, 4, 10, 12)
    return d2l.fit_feed(model, feed, num_epochs, 0.05, seed=3, **options)


def test_a_feed_of_ones_own_is_learned(abc, capsys):
    history = train(abc, 5)
    assert history[-1]["loss"] < 0.3 * math.log(3)
    for record in history:
        assert record["characters"] == 480
        assert record["perplexity"] == math.exp(record["loss"])
    intro, *lines = capsys.readouterr().out.splitlines()
    assert intro == "480 chars to train on"
    assert lines == [
        f"epoch {i}, perplexity {record['perplexity']:.3f}, "
        f"{record['seconds']:.1f} sec"
        for i, record in enumerate(history, start=1)]


def test_it_resumes_in_the_middle_of_an_epoch(abc, tmp_path, monkeypatch):
    step = fitting.train_step

    def step_until_17(run, *rest):
        if run.step == 17:
            raise InterruptedError
        step(run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train_step", step_until_17)
        with pytest.raises(InterruptedError):
            train(abc, folder=tmp_path / "stopped", save_minutes=0)
    train(abc, folder=tmp_path / "stopped", resume=True)
    train(abc, folder=tmp_path / "whole")
    stopped, whole = (read(tmp_path / name / "last.safetensors")[0]
                      for name in ("stopped", "whole"))
    assert stopped.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(stopped[name], array, name)


def test_its_settings_must_stay_the_same(abc, tmp_path):
    train(abc, folder=tmp_path)
    with pytest.raises(ValueError, match="with num_steps 10, but you are "
                                         "resuming with 11"):
        train(abc, folder=tmp_path, resume=True,
              feed=Excerpts(abc, 4, 11, 12))


def test_its_loss_decides_where_nothing_is_held_out(abc, tmp_path):
    """The last epoch spoils the model, so it is neither kept nor gone past."""
    history = train(abc, 9, folder=tmp_path, patience=1,
                    schedule=lambda step: 0.05 if step < 24 else 5.0)
    losses = [record["loss"] for record in history]
    assert len(losses) < 9 and losses.index(min(losses)) == len(losses) - 2
    best, last = (read(tmp_path / f"{name}.safetensors")[0]
                  for name in ("best", "last"))
    assert any((best[name] != last[name]).any() for name in best)


def test_it_may_measure_and_print_what_it_likes(abc, capsys):
    class Counted(Excerpts):
        def measure(self, model, losses):
            return {**super().measure(model, losses), "held_out_loss": 2.5}

        def line(self, record):
            return None if record["epoch"] == 1 else (
                f"{record['held_out_loss']} nats")

    history = train(abc, feed=Counted(abc, 4, 10, 12))
    assert [record["held_out_loss"] for record in history] == [2.5, 2.5]
    assert capsys.readouterr().out.splitlines()[1:] == ["2.5 nats"]


def test_the_packages_feeds_are_feeds(abc):
    for kind in (d2l.Rows, d2l.Windows, jazz.Phrases):
        assert issubclass(kind, d2l.Feed)
    feed = d2l.Windows(abc, 4, 2, 100, 0.2)
    assert feed.intro() == "598 windows to train on, 148 held out"
    assert feed.settings == {"Tx": 4, "stride": 2, "batch_size": 100,
                             "held_out": 0.2}


def test_what_is_no_feed(abc):
    with pytest.raises(TypeError, match=r"\bepoch\b"):
        d2l.Feed(abc, "char", [4], batch_size=4)
    with pytest.raises(ValueError, match=r"^corpus is 'abc': give what load_"):
        Excerpts("abc", 4, 10, 12)
    with pytest.raises(ValueError, match=r"^batch_size is 0: it must be a wh"):
        Excerpts(abc, 0, 10, 12)

    class Unsized(Excerpts):
        def __init__(self, corpus):
            d2l.Feed.__init__(self, corpus, "char", [40])

    with pytest.raises(ValueError, match=re.escape(
            "batch_size is None: it must be a whole number of at least 1")):
        Unsized(abc)


def test_its_numbers_may_be_numpys(abc, tmp_path, capsys):
    class Counted(Excerpts):
        def measure(self, model, losses):
            return {**super().measure(model, losses),
                    "held_out_loss": np.float32(0.5), "num_right": np.int64(3),
                    "held_out_perplexity": np.float32(1.5),
                    "pairs": np.ones((2, 2))}

        def line(self, record):
            assert record["pairs"][1, 1] == 1  # as measure returned it
            return super().line(record)

    history = train(abc, feed=Counted(abc, 4, 10, 12), folder=tmp_path,
                    schedule=lambda step: np.float32(0.05))
    assert (tmp_path / "last.safetensors").exists()
    assert {type(history[0][key]) for key in ("lr", "num_right",
                                              "held_out_loss")} == {float, int}
    assert ", held out 1.500, " in capsys.readouterr().out


def test_what_json_cannot_hold_costs_no_epoch(abc, tmp_path):
    class Odd(Excerpts):
        def measure(self, model, losses):
            return {**super().measure(model, losses), "all": {1}}

    with pytest.raises(ValueError, match=r"feed\.measure put 'all' into the"):
        train(abc, feed=Odd(abc, 4, 10, 12), folder=tmp_path)
    saved = read(tmp_path / "last.safetensors")[1]["training"]["history"]
    assert len(saved) == 1 and "all" not in saved[0]


class OwnRNN(d2l.CharRNN):
    """A class that load_model would not know."""


@pytest.mark.parametrize("model, options, words", [
    (d2l.RNNModel(rnn.GRU(8), 3), {}, "model is of the class RNNModel, "
     "which has no idx_to_char and no config: give one like CharRNN"),
    (d2l.CharRNN(2, 4, 8, 1), {}, "a vocabulary of 2, the corpus one of 3"),
    (OwnRNN(3, 4, 8, 1), {"folder": "run"}, "of the class OwnRNN cannot be "
     "saved: give a CharRNN or WindowLSTM"),
    (d2l.CharRNN(3, 4, 8, 1), {"optimizer": "adamm"}, "there is no optimizer "
     "'adamm' with optimizer_params")])
def test_what_cannot_be_trained_stays_as_it_is(abc, tmp_path, monkeypatch,
                                               model, options, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        d2l.fit_feed(model, Excerpts(abc, 4, 10, 12), 1, 0.05, **options)
    assert all(p._data is None for p in model.collect_params().values())
    assert getattr(model, "idx_to_char", None) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model, feed, words", [
    (d2l.CharRNN(3, 4, 8, 1), lambda abc: d2l.Windows(abc, 4, 2, 10, 0.2),
     "the model is a CharRNN, and the feed is Windows: give Rows"),
    (d2l.WindowLSTM(3, Tx=4), lambda abc: d2l.Rows(abc, 4, 10, 0.2),
     "the model is a WindowLSTM, and the feed is Rows: give Windows")])
def test_a_feed_for_another_kind_of_model(abc, model, feed, words):
    with pytest.raises(ValueError, match=words):
        d2l.fit_feed(model, feed(abc), 1, 0.05)
