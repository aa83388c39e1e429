"""Small models with hostile vocabularies, and what they compute."""
import d2lrnn as d2l
import numpy as np
from mxnet import init, nd

# markup, quotes, ends of lines, an emoji, right to left, and <unk>
HOSTILE = ["<", ">", "&", '"', "'", "\\", "\n", "\u2028", "$", "{}", "`|",
           "\U0001f3b5", "\u05d0", "\u202e", "分", "</script>", "a", "<unk>"]
CELLS = ["rnn", "gru", "lstm", "ln_lstm", "mingru", "minlstm"]
SIZES = [{"num_layers": 1}, {"num_layers": 3}, {"embed_size": None},
         {"embed_size": 8, "tie_weights": True, "num_layers": 2}]


def make(kind=d2l.CharRNN, idx_to_char=HOSTILE, **config):
    """Return a model with weights large enough for its gates to matter."""
    if kind is d2l.CharRNN:
        config = {"embed_size": 5, "num_hiddens": 8, "num_layers": 1,
                  "dropout": 0.3, "variational": True, **config}
        if not config.get("cell", "lstm").startswith("min"):
            config.setdefault("weight_drop", 0.4)
    size = "n_values" if kind is d2l.DJModel else "vocab_size"
    model = kind(**{size: len(idx_to_char)}, **config)
    model.initialize(init.Normal(0.5))
    for param in model.collect_params().values():
        # equal numbers would hide another order of the gates
        if param.name.endswith(("bias", "gamma", "beta")):
            param.set_data(param.data() + nd.random.normal(
                0, 0.5, param.shape))
    model.idx_to_char = list(idx_to_char)
    return model


def save(model, path):
    """Write a model's file, and return its path."""
    d2l.save_model(path, model)
    return path


def draw(model, batch_size, num_steps, n):
    """Return ids, and a state of random numbers."""
    rng = np.random.default_rng(n)
    return (rng.integers(model.vocab_size, size=(batch_size, num_steps)),
            rng.normal(size=(len(model.begin_state(batch_size)), batch_size,
                             model.num_hiddens)).astype(np.float32))


def compute(model, ids, state):
    """Return the scores, (batch, steps, vocab), and the last state."""
    scores, state = model(nd.array(ids), tuple(map(nd.array, state)))
    batch_size, num_steps = ids.shape
    return (scores.asnumpy().reshape(num_steps, batch_size, -1).swapaxes(
        0, 1), np.stack([s.asnumpy() for s in state]))


def in_pieces(run, ids, state, length):
    """Return what ``run(ids, state)`` gives for ids a few steps at a time."""
    scores = []
    for i in range(0, ids.shape[1], length):
        piece, state = run(ids[:, i:i + length], state)
        scores.append(piece)
    return np.concatenate(scores, axis=1), state
