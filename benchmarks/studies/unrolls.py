"""Record three ways to unroll: ``python -m benchmarks.studies.unrolls``.

The settings of a well-known lesson (R2RT, Recurrent Neural Networks in
TensorFlow II) on tiny Shakespeare: seconds to build the graph, seconds an
epoch, and the mean loss of each of three epochs, in nats.
"""
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn.basics.environment import machine_record
from mxnet import autograd, gluon, init, nd

from benchmarks import RECORDS, machine, write

RESULTS = RECORDS / "unrolls.json"
BATCH_SIZE, NUM_STEPS, NUM_HIDDENS, LR, NUM_EPOCHS = 32, 200, 100, 1e-4, 3
MODELS = {
    "1 layer, RNN, one-hot": {"embed_size": None, "num_layers": 1,
                              "cell": "rnn"},
    "3 layers, LSTM": {"embed_size": 100, "num_layers": 3, "cell": "lstm"},
}
# the lesson's seconds to build with a list, dynamic_rnn and scan, and losses
LESSON = {("1 layer, RNN, one-hot", "static"): (5.63, []),
          ("3 layers, LSTM", "static"): (25.64, [3.53, 3.31, 3.22]),
          ("3 layers, LSTM", "fused"): (0.53, [3.56, 3.32, 3.28]),
          ("3 layers, LSTM", "foreach"): (0.65, [3.55, 3.32, 3.27])}


def step(model, x, y, state, loss):
    """Compute the loss and the gradients of one mini-batch."""
    state = [s.detach() for s in state]
    with autograd.record():
        output, state = model(nd.array(x), state)
        l = loss(output, nd.array(y.T.reshape(-1))).mean()
    l.backward()
    return l, state


def measure(corpus, unroll, choices):
    """Return seconds and losses of one model, unrolled in one way."""
    d2l.seed(1)
    model = d2l.CharRNN(corpus.vocab_size, num_hiddens=NUM_HIDDENS,
                        unroll=unroll, **choices)
    model.initialize(init.Xavier())
    model.hybridize(static_alloc=True, static_shape=True)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(model.collect_params(), "adam",
                            {"learning_rate": LR})
    sizes = (corpus.corpus_indices, BATCH_SIZE, NUM_STEPS)
    times = []
    for _ in range(2):  # the first time, the graph is built
        start = time.time()
        step(model, *next(d2l.ptb_iterator(*sizes)),
             model.begin_state(BATCH_SIZE), loss)
        nd.waitall()
        times.append(time.time() - start)
    losses, start = [], time.time()
    for _ in range(NUM_EPOCHS):
        state, batch_losses = model.begin_state(BATCH_SIZE), []
        for x, y in d2l.ptb_iterator(*sizes):
            l, state = step(model, x, y, state, loss)
            trainer.step(1)
            batch_losses.append(l)
        losses.append(float(np.mean([l.asscalar() for l in batch_losses])))
    return {"build_seconds": times[0] - times[1], "losses": losses,
            "epoch_seconds": (time.time() - start) / NUM_EPOCHS}


def main():
    """Measure each model unrolled in each way, and keep the numbers."""
    corpus = d2l.load_corpus("tinyshakespeare", fallback=False)
    results = {label: {unroll: measure(corpus, unroll, choices)
                       for unroll in ("static", "foreach", "fused")}
               for label, choices in MODELS.items()}
    record = {**machine_record(), "models": results}
    write(record, RESULTS)
    print(to_markdown(record))


def to_markdown(record):
    """Return a table: one line for each model and way, beside the lesson's."""
    lines = ["| model | unrolled | to build | an epoch | loss of epochs 1, 2, "
             "3 | the lesson's, to build | its losses |",
             "|---|---|---:|---:|---:|---:|---:|"]
    for label, ways in record["models"].items():
        for unroll, seen in ways.items():
            seconds, theirs = LESSON.get((label, unroll), (None, []))
            lines.append(
                f"| {label} | {unroll} | {seen['build_seconds']:.2f} s | "
                f"{seen['epoch_seconds']:.1f} s | {rounded(seen['losses'])} | "
                f"{f'{seconds} s' if seconds else ''} | {rounded(theirs)} |")
    lines += ["", f"Batch size {BATCH_SIZE}, {NUM_STEPS} steps, {NUM_HIDDENS} "
                  f"hidden units, Adam at {LR:g}, seed 1; {machine(record)}; "
                  f"{record['date']}."]
    return "\n".join(lines) + "\n"


def rounded(losses):
    """Return losses with two digits, in a cell.

    >>> rounded([3.526, 3.3])
    '3.53, 3.30'
    """
    return ", ".join(f"{loss:.2f}" for loss in losses)


if __name__ == "__main__":
    main()
