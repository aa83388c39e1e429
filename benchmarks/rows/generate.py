"""Greedy lyrics, one and many at once."""
import numpy as np

from benchmarks.peers.book import gluon_model
from benchmarks.runner import Case, Goal, Row, timed
from benchmarks.shared import load_weights, save_model

FIRST = 0x4E00  # the vocabulary is a row of ideographs
PREFIX = (3, 1)  # ids
NUM_CHECKED = 20  # of the ids that are written


def chars(ids):
    """Return the characters of ids, as a str."""
    return "".join(chr(FIRST + i) for i in ids)


def prepare(case, folder, sizes):
    """Write a CharRNN with drawn weights."""
    from d2lrnn import CharRNN
    model = CharRNN(sizes["vocab_size"], sizes["embed_size"],
                    sizes["num_hiddens"], 1, case.split(",")[0])
    model.idx_to_char = list(chars(range(sizes["vocab_size"])))
    save_model(folder, model, magnitude=30)  # so that scores differ


def measure(case, side, folder, sizes):
    """Return a loss and the first ids, and the time of each character.

    d2lzh writes one lyric after another, so it always writes one.
    """
    batch_size = 1 if side == "d2lzh" else int(case.split(", ")[1])
    loss, write = {"d2lrnn": ours, "PyTorch": pytorch, "d2lzh": d2lzh}[side](
        folder, batch_size)
    num_chars = sizes["num_chars"]
    ids = [ord(char) - FIRST for char in write(NUM_CHECKED)]
    return [loss, *(1.0 + i for i in ids)], {"microseconds a character": [
        1e6 * seconds / (num_chars * batch_size) for seconds
        in timed(lambda: write(num_chars), sizes["times"])]}


def prefixes(batch_size):
    """Return the ids of each lyric's prefix; the first never changes."""
    return [[PREFIX[0] + i % 20, PREFIX[1]] for i in range(batch_size)]


def text(vocab_size):
    """Return ids and the ids after them, (1, 40), for the loss to compare."""
    ids = np.random.default_rng(1).integers(vocab_size, size=(1, 41))
    return ids[:, :-1], ids[:, 1:]


def ours(folder, batch_size):
    """Return the loss, and a function that writes: it returns lyric 1."""
    import d2lrnn as d2l
    model = d2l.load_model(folder / "model.safetensors")
    X, Y = text(model.vocab_size)
    losses, _ = d2l.evaluate(model, np.append(X[0], Y[0, -1]), 1)

    def write(num_chars):
        lyrics = d2l.generate(model, [chars(prefix) for prefix
                                      in prefixes(batch_size)], num_chars, 0)
        return "".join(lyric[0] for lyric in list(lyrics))

    return float(losses.mean()), write


def pytorch(folder, batch_size):
    """Return the same for PyTorch."""
    import torch
    from torch.nn.functional import cross_entropy

    from benchmarks.peers import torch_models, torch_training
    torch_training.use_all_cores()
    model = torch_models.char_rnn(*load_weights(folder))
    model.eval()
    X, Y = map(torch.from_numpy, text(model.output.out_features))

    @torch.inference_mode()
    def write(num_chars):
        ids = torch.tensor(prefixes(batch_size))
        scores, state = model(ids[:, :1])
        ids, lyrics = ids[:, 1:], []
        for _ in range(num_chars):
            scores, state = model(ids, state)
            ids = scores.argmax(dim=1, keepdim=True)
            lyrics.append(chars(ids[:, 0].tolist()))
        return "".join(lyric[0] for lyric in lyrics)

    with torch.inference_mode():
        loss = cross_entropy(model(X)[0], Y[0])
    return loss.item(), write


def d2lzh(folder, batch_size):
    """Return the same for d2lzh, whose model reads one-hot vectors."""
    from d2lzh import predict_rnn_gluon
    from mxnet import cpu, nd
    config, arrays = load_weights(folder)
    model, vocab_size = gluon_model(config, arrays), config["vocab_size"]
    X, Y = map(nd.array, text(vocab_size))
    scores = nd.log_softmax(model(X, model.begin_state(1))[0])
    vocabulary = chars(range(vocab_size))
    char_to_idx = {char: i for i, char in enumerate(vocabulary)}

    def write(num_chars):
        (prefix,) = prefixes(1)
        return predict_rnn_gluon(
            chars(prefix), num_chars, model, vocab_size, cpu(), vocabulary,
            char_to_idx)[len(prefix):]

    return -float(nd.pick(scores, Y[0]).mean().asscalar()), write


ROW = Row(
    "generate", "greedy lyrics of 1,000 characters from a model of 256 units "
    "and 1,027 characters, one lyric and 64 at once; d2lzh writes one after "
    "another",
    {case: Case(("d2lrnn", "d2lzh", "PyTorch"), (
        Goal("speed", 20, "d2lzh"), Goal("speed", speed, "PyTorch")))
     for case, speed in {"rnn, 1": 4, "rnn, 64": 2, "lstm, 1": 8,
                         "lstm, 64": 3}.items()},
    measure, {"vocab_size": 1027, "embed_size": 256, "num_hiddens": 256,
              "num_chars": 1000, "times": 2},
    {"vocab_size": 40, "embed_size": 6, "num_hiddens": 8, "num_chars": 30,
     "times": 1}, prepare)
