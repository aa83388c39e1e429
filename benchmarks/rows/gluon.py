"""An epoch of the book's loop in Gluon."""
from benchmarks.peers.book import SETTINGS, TINY, train_gluon
from benchmarks.runner import Case, Goal, Row
from benchmarks.shared import load_ids, save_text


def prepare(case, folder, sizes):
    """Write the ids of the text."""
    import d2lrnn as d2l
    corpus = d2l.load_data_jay_lyrics()
    save_text(folder, corpus, sizes)
    return corpus.source


def measure(case, side, folder, sizes):
    """Return the loss of the first epoch, and the seconds of the others."""
    ids = load_ids(folder)
    losses, seconds = train_gluon(side, case, int(ids.max()) + 1, ids, sizes)
    return losses[:1], {"seconds an epoch": seconds}


ROW = Row(
    "gluon", "an epoch of `train_and_predict_rnn_gluon` with an `RNNModel`, "
    "with the book's settings",
    {layer: Case(("d2lrnn", "d2lzh"), (Goal("times", 0.45, "d2lzh"),))
     for layer in ("RNN", "GRU", "LSTM")},
    measure, {**SETTINGS, "epochs": 3}, {**TINY, "epochs": 2}, prepare)
