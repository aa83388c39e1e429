"""Another text as what is held out: all of the corpus is trained on."""
import json
import math

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import shakespeare
from d2lrnn.export import card
from d2lrnn.models.checkpoint import named_params
from d2lrnn.report.records import read_record
from d2lrnn.training.feeds import Rows, Windows, split
from power_cut import power_cut

LINES = "the quick brown fox jumps over the lazy dog\n<unk> N times\n"
OTHER = "the lazy <unk> jumps\nN brown dog\n"


@pytest.fixture(scope="module")
def texts():
    """A text to train on, and another one in its vocabulary."""
    corpus = d2l.load_corpus(LINES * 20, level="split")
    return corpus, d2l.load_corpus(OTHER * 4, level="split",
                                   vocabulary=corpus.idx_to_char)


def train(texts, num_epochs=2, **options):
    """Return the history and the model of a small training."""
    corpus, held_out = texts
    model = d2l.CharRNN(corpus.vocab_size, 6, 8, 1, dropout=0.3)
    history = d2l.fit(model, corpus, num_epochs, 0.02, **{
        "batch_size": 4, "num_steps": 6, "seed": 3, "held_out": held_out,
        **options})
    return history, model


def weights(model):
    return [param.data().asnumpy() for param in named_params(model).values()]


def test_all_of_the_corpus_is_trained_on(texts, capsys):
    corpus, held_out = texts
    feed = Rows(corpus, 4, 6, held_out)
    assert feed.train_ids.tolist() == corpus.corpus_indices.tolist()
    assert feed.held_out_ids.tolist() == held_out.corpus_indices.tolist()
    assert feed.settings["held_out"] == {"sha256": held_out.sha256}
    train(texts, 1)
    assert capsys.readouterr().out.startswith(
        f"{len(corpus.corpus_indices)} words to train on, "
        f"{len(held_out.corpus_indices)} held out, 11.11% of them <unk>\n")


def test_the_other_text_is_what_is_measured(texts):
    _, held_out = texts
    (*_, record), model = train(texts)
    losses, targets = d2l.evaluate(model, held_out.corpus_indices, 4, 6)
    assert record["held_out_loss"] == pytest.approx(losses.mean(), rel=1e-6)
    unk = targets == held_out.char_to_idx["<unk>"]
    assert record["held_out_unk"] == pytest.approx(unk.mean())
    assert record["held_out_known_loss"] == pytest.approx(
        losses[~unk].mean(), rel=1e-6)
    # in characters of the text itself, which has shorter words
    per_char = len(held_out.corpus_indices) / held_out.num_chars / math.log(2)
    assert record["held_out_bits_per_char"] == pytest.approx(
        record["held_out_loss"] * per_char)


def test_what_training_never_sees_is_unknown():
    """A vocabulary of one's own may have a token that the text lacks."""
    corpus = d2l.load_corpus("a b a b", level="split")
    other = d2l.load_corpus("a\nb\n", level="split",
                            vocabulary=corpus.idx_to_char)
    train_ids, ids, unk = split(corpus, other)
    assert len(train_ids) == 4 and unk == corpus.char_to_idx["<eos>"]
    assert ids.tolist() == other.corpus_indices.tolist()


@pytest.mark.parametrize("text, options, words", [
    ("fox dog\n", {"level": "split"}, "a corpus of another vocabulary than "
     "the one to train on: load it with level='split' and vocabulary="),
    (LINES, {}, "a corpus of another level than the one to train on"),
    ("fox", {"level": "split", "vocabulary": True},
     "held_out has 1 ids, too few to measure on: use a longer text")])
def test_texts_that_cannot_be_held_out(texts, text, options, words):
    corpus, _ = texts
    if "vocabulary" in options:
        options = {**options, "vocabulary": corpus.idx_to_char}
    with pytest.raises(ValueError, match="held_out") as caught:
        train((corpus, d2l.load_corpus(text, **options)))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["ptb_valid", None, 0, [0, 1], True])
def test_what_is_neither_a_share_nor_a_text(texts, wrong):
    with pytest.raises(ValueError, match=r"held_out is .*: it must be between "
                       r"0 and 1, such as 0.1, or a Corpus in the same voc"):
        train((texts[0], wrong))


def test_a_stopped_training_goes_on_to_the_same_bits(texts, tmp_path):
    with power_cut(25):
        train(texts, 4, folder=tmp_path / "stopped", save_minutes=0)
    history, model = train(texts, 4, folder=tmp_path / "stopped", resume=True)
    expected, whole = train(texts, 4, folder=tmp_path / "whole")
    for array, other in zip(weights(model), weights(whole), strict=True):
        np.testing.assert_array_equal(array, other)
    assert [{**record, "seconds": 0} for record in history] == [
        {**record, "seconds": 0} for record in expected]


def test_it_does_not_go_on_with_another_text(texts, tmp_path):
    corpus, held_out = texts
    train(texts, 1, folder=tmp_path)
    other = d2l.load_corpus(OTHER * 5, level="split",
                            vocabulary=corpus.idx_to_char)
    for wrong in (other, 0.1):
        with pytest.raises(ValueError, match="was trained with held_out {'sha"
                           f"256': '{held_out.sha256}'}}, but you are resum"):
            train((corpus, wrong), 2, folder=tmp_path, resume=True)
    assert len(train(texts, 2, folder=tmp_path, resume=True)[0]) == 2


def test_guesses_are_measured_on_the_other_text(texts, tmp_path):
    corpus, held_out = texts
    history, _ = train(texts, folder=tmp_path / "run")
    record = read_record(tmp_path / "run")
    assert record["settings"]["held_out"] == {"sha256": held_out.sha256}
    assert record["text"]["held_out"]["characters"] == held_out.num_chars
    ids = held_out.corpus_indices
    assert record["baselines"]["held_out_unigram"] == pytest.approx(
        d2l.ngram_perplexity(corpus.corpus_indices, 1, corpus.vocab_size, ids))
    assert record["baselines"]["unigram"] == pytest.approx(
        d2l.unigram_perplexity(corpus.corpus_indices))
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "; held out: a text given as a string (" in page
    path = d2l.write_report("mine", {"lstm": history}, corpus, {
        "held_out": held_out}, tmp_path)
    written = json.loads((path / "report.json").read_text("utf-8"))
    assert written["baselines"] == record["baselines"]
    assert written["text"] == record["text"]
    assert written["settings"] == {"held_out": {"sha256": held_out.sha256}}
    figure = d2l.plot_perplexity({"lstm": history}, corpus, held_out=held_out)
    assert figure.axes


def test_the_card_names_the_other_text(texts, tmp_path):
    _, model = train(texts, folder=tmp_path / "run")
    text = card.to_card(tmp_path / "run" / "best.safetensors", model)
    assert "| held-out text | a text given as a string |" in text
    assert f"{model.vocab_size} words" in text


def test_the_writer_of_poems_takes_another_text():
    corpus = d2l.load_corpus(LINES * 4)
    other = d2l.load_corpus(OTHER, vocabulary=corpus.idx_to_char)
    feed = Windows(corpus, 8, 1, 16, other)
    assert len(feed.Y) == len(corpus.corpus_indices) - 8
    assert len(feed.held_out[1]) == len(other.corpus_indices) - 8
    (record,) = shakespeare.fit(
        d2l.WindowLSTM(corpus.vocab_size, Tx=8, num_hiddens=6), corpus, 1,
        held_out=other, on_epoch_end=None)
    assert record["held_out_loss"] > 0
