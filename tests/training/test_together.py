"""Several workers train what one process trains."""
import re

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import jazz
from d2lrnn.models.cells import CELLS
from d2lrnn.training.feeds import Rows, Share, Windows
from d2lrnn.training.together import ALONE, portion
from mxnet import nd
from workers import SENTENCE, together, trained

pytestmark = pytest.mark.process
RTOL = 1e-5
# every cell, one or two layers, other optimizers, windows and phrases
JOBS = {
    **{cell: {"config": {"cell": cell}} for cell in CELLS},
    "layers": {"config": {"num_layers": 2, "tie_weights": True,
                          "embed_size": 10}, "clipping_theta": 0.05},
    "one-hot": {"config": {"embed_size": None}, "optimizer": "sgd",
                "lr": 0.5, "schedule": "cosine", "clipping_theta": None},
    "another text": {"held_out": SENTENCE[:100], "num_epochs": 1},
    "windows": {"kind": "windows", "config": {"dropout": 0.0}},
    "phrases": {"kind": "phrases"}}
# these draw other masks in each worker, or go on for so long that their last
# digits differ from those of one process
DRAWING = {"dropout": {"config": {"dropout": 0.5, "weight_drop": 0.3},
                       "average": 0.9},
           "windows with dropout": {"kind": "windows"},
           "patience": {"patience": 1, "num_epochs": 30, "lr": 0.1}}
WRONG = [
    ({"of_worker_1": {"lr": 0.5}},
     "worker 1 has lr 0.5, and worker 0 has 0.02: give all workers the same "
     "text and the same options"),
    ({"of_worker_1": {"config": {"num_hiddens": 9}}},
     "worker 1 has num_hiddens 9, and worker 0 has 10: give all workers"),
    ({"of_worker_1": {"text": SENTENCE[::-1]}},
     "worker 1 has text_sha256 "),
    ({"held_out": SENTENCE[:90], "of_worker_1": {"held_out": SENTENCE[:80]}},
     "worker 1 has held_out {'sha256': "),
    ({"of_worker_1": {"resume": True}},
     "worker 1 has resume True, and worker 0 has False: give all workers"),
    ({"batch_size": 7},
     "batch_size 7 cannot be divided among 2 workers: make it 6 or 8"),
    ({"optimizer": "sgld"},
     "SGLD draws noise, which would differ from worker to worker")]


class Workers:
    """One of several workers, none of which is there."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return what each of two workers got, by the name of the job."""
    folder = tmp_path_factory.mktemp("two")
    run = {**DRAWING["dropout"], "folder": str(folder / "run"),
           "save_minutes": 0}
    jobs = {**JOBS, **DRAWING, **{sentence: job for job, sentence in WRONG},
            "cut": {**run, "cut": 13}, "resumed": {**run, "resume": True}}
    return [dict(zip(jobs, results, strict=True)) for results in together(
        folder, 2, [*jobs.values()])]


def assert_close(got, expected):
    """Assert that two trainings had the same gradients and losses."""
    assert len(got["history"]) == len(expected["history"])
    for name, grad in expected["first"].items():
        np.testing.assert_allclose(
            got["first"][name], grad, RTOL, RTOL * np.abs(grad).max())
    for record, other in zip(got["history"], expected["history"],
                             strict=True):
        assert record.keys() == other.keys()
        for name in ("loss", "held_out_loss", "step_losses", "grad_norm"):
            # differences in the last digit grow from step to step
            rtol = 10 * RTOL if name == "grad_norm" else RTOL
            np.testing.assert_allclose(record.get(name, 0),
                                       other.get(name, 0), rtol)


@pytest.mark.parametrize("name", JOBS)
def test_gradients_and_losses_are_those_of_one_process(two, name):
    assert_close(two[0][name], trained(JOBS[name], ALONE))


def equal(got, others):
    """Return whether two trainings are the same to the last bit."""
    return got["history"] == others["history"] and all(
        np.array_equal(got[part][name], others[part][name])
        for part in ("first", "weights") for name in got[part])


@pytest.mark.parametrize("name", JOBS | DRAWING)
def test_all_workers_have_the_same_weights(two, name):
    assert equal(two[0][name], two[1][name])


def test_each_worker_draws_its_own_dropout(two):
    alone = trained(DRAWING["dropout"], ALONE)
    for name, grad in alone["first"].items():
        assert not np.allclose(two[0]["dropout"]["first"][name], grad, 1e-3)


def test_all_lose_patience_at_once(two):
    for got in two:
        losses = [r["held_out_loss"] for r in got["patience"]["history"]]
        assert len(losses) < 30 and losses[-1] > losses[-2] == min(losses)


def test_two_workers_do_the_same_twice(two, tmp_path):
    jobs = [JOBS["lstm"], JOBS["windows"], DRAWING["dropout"]]
    for got, name in zip(together(tmp_path, 2, jobs)[0],
                         ("lstm", "windows", "dropout"), strict=True):
        assert equal(got, two[0][name])


def test_three_workers(tmp_path):
    jobs = [JOBS["gru"], JOBS["windows"], JOBS["phrases"], {"kind": "talk"}]
    results = together(tmp_path, 3, jobs)
    for i, job in enumerate(jobs[:3]):
        assert_close(results[2][i], trained(job, ALONE))
        assert equal(results[0][i], results[1][i])
    for rank, (*_, said) in enumerate(results):
        assert (said["rank"], said["size"]) == (rank, 3)
        assert said["sum"].tolist() == [[3, 3], [1.5, 6]]
        assert said["ragged"].tolist() == [
            [rank + 0.5] * 2 for rank in (0, 1, 1, 2, 2, 2)]
        assert said["one"].tolist() == [[7, 7]] * 3
        assert said["bytes"] == said["sent"]
        assert said["wish"] == 15


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_run_goes_on_with_another_number_of_workers(tmp_path, num_workers):
    job = {"folder": str(tmp_path / "run"), "save_minutes": 0,
           "config": {"num_layers": 2}, "schedule": "one_cycle"}
    expected = trained({**job, "folder": None}, ALONE)
    numbers = [num_workers, 3 - num_workers]  # first, then after the cut
    for number, more in zip(numbers, ({"cut": 13}, {"resume": True}),
                            strict=True):
        if number == 1:
            got = trained({**job, **more}, ALONE)
        else:
            got = together(tmp_path / "jobs", 2, [{**job, **more}])[0][0]
    del got["first"], expected["first"]
    assert_close({**got, "first": {}}, {**expected, "first": {}})


def test_two_workers_go_on_to_the_same_bits(two):
    assert two[0]["cut"]["history"] == []
    for got in two:
        assert equal({**got["resumed"], "first": {}},
                     {**got["dropout"], "first": {}})


@pytest.mark.parametrize("sentence", [sentence for _, sentence in WRONG])
def test_what_cannot_be_trained_together_is_said(two, sentence):
    for got in two:
        assert got[sentence].startswith(sentence)


def test_a_process_that_is_no_worker_is_told(monkeypatch):
    for name in ("D2LRNN_RANK", "D2LRNN_WORKERS", "DMLC_ROLE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(d2l.SettingError, match=re.escape(
            "type python -m d2lrnn_cli.together --workers 2 -- python")):
        d2l.Workers()


def feeds():
    """Return a feed of each kind, and the shape of a model's output."""
    corpus = d2l.load_corpus(SENTENCE)
    music = jazz.load_music_utils(m=25, Tx=6)
    return {"rows": Rows(corpus, 6, 10, 0.1),
            "windows": Windows(corpus, 8, 2, 6, 0.1),
            "phrases": jazz.model.Phrases(music, 6)}


def scores_for(name, x, vocab_size):
    """Return made-up scores that depend on each example alone."""
    scores = np.sin(x[..., None] + np.arange(vocab_size))  # (rows, steps, V)
    if name == "rows":
        return scores.transpose(1, 0, 2).reshape(-1, vocab_size)
    return scores[:, -1] if name == "windows" else scores.transpose(1, 0, 2)


@pytest.mark.parametrize("name", ["rows", "windows", "phrases"])
@pytest.mark.parametrize("size", [2, 3, 6])
def test_the_losses_of_the_shares_add_up(name, size):
    feed, sums = feeds()[name], []
    vocab_size = feed.corpus.vocab_size
    for x, y in feed.epoch(np.random.default_rng(1)):
        scores = nd.array(scores_for(name, x, vocab_size))
        sums.append(feed.loss(scores, nd.array(y)).asnumpy())
    shares = [Share(feeds()[name], Workers(rank, size))
              for rank in range(size)]
    for share in shares:
        for i, (x, y) in enumerate(share.epoch(np.random.default_rng(1))):
            scores = nd.array(scores_for(name, x, vocab_size))
            sums[i] = sums[i] - share.loss(scores, nd.array(y)).asnumpy()
        assert i == len(sums) - 1
    assert np.abs(sums).max() < 1e-6


@pytest.mark.parametrize("count, size", [(8, 3), (2, 4), (0, 2), (64, 64)])
def test_portions_are_all_rows_in_order(count, size):
    rows = [row for rank in range(size)
            for row in range(count)[portion(count, rank, size)]]
    assert rows == list(range(count))
