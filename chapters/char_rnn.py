# %% [markdown]
# # The char-RNN
#
# The book's chapter ends with models of some hundred lyrics. This lesson goes
# on to a text of a million characters, plays by Shakespeare in a row, and to
# what makes a character model good: a graph that is built once, several
# layers, dropout, layer normalisation, a text held out to measure with, and
# a file from which the model writes on.
#
# The model is one class, `CharRNN`: ids to an embedding (or to one-hot
# vectors), recurrent layers, and scores for the next character:
#
# $$\mathbf{X}^{(0)}_t = \mathbf{E}_{x_t}, \qquad
#   \mathbf{H}^{(l)}_t = \mathrm{cell}(\mathbf{X}^{(l-1)}_t,
#   \mathbf{H}^{(l)}_{t-1}), \qquad
#   \mathbf{O}_t = \mathbf{H}^{(L)}_t \mathbf{W}_{hq} + \mathbf{b}_q.$$

# %%
import subprocess
import sys
import time
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, init, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare")
vocab_size = corpus.vocab_size
print(f"text: {corpus.source}")
print(f"{corpus.num_chars:,} characters, {vocab_size:,} distinct, on {ctx}")

# %% [markdown]
# ## Mini-batches
#
# `ptb_iterator` lays the text out in `batch_size` rows, and each mini-batch
# is the next `num_steps` columns, `y` one character later than `x`. So the
# state after one mini-batch is the right one to begin the next with.

# %%
for x, y in d2l.ptb_iterator(np.arange(14), batch_size=2, num_steps=3):
    print(x.tolist(), y.tolist())

# %% [markdown]
# ## Three ways to unroll
#
# A graph of the model can be made of the steps in three ways, which compute
# the same:
#
# * `static`: a Python loop puts the operators of each step into the graph,
#   which grows with the number of steps;
# * `foreach`: MXNet's scan holds the operators of one step, and repeats them;
# * `fused`: one operator does all steps of a layer.
#
# The products of a layer's inputs with its weights need no state. In the
# first two ways they are one large product before the loop as well.

# %%
batch_size, num_steps, num_hiddens = 32, 200, 100
x, y = next(d2l.ptb_iterator(corpus.corpus_indices, batch_size, num_steps))
X, Y = nd.array(x, ctx=ctx), nd.array(y.T.reshape(-1), ctx=ctx)
num_batches = corpus.num_chars // batch_size // num_steps
loss = gluon.loss.SoftmaxCrossEntropyLoss()


def seconds(model):
    """Return the seconds of one training step on the same mini-batch."""
    start = time.time()
    with autograd.record():
        output, _ = model(X, model.begin_state(batch_size, ctx))
        l = loss(output, Y).mean()
    l.backward()
    nd.waitall()
    return time.time() - start


print(f"{'3 layers of LSTM':<20}{'to build':>10}{'a step':>10}"
      f"{'an epoch':>10}")
for unroll in ("static", "foreach", "fused"):
    model = d2l.CharRNN(vocab_size, 100, num_hiddens, 3, unroll=unroll)
    model.initialize(init.Xavier(), ctx=ctx)
    model.hybridize(static_alloc=True, static_shape=True)
    first = seconds(model)
    step = np.median([seconds(model) for _ in range(10)])
    print(f"{unroll:<20}{first - step:>8.2f} s{step:>8.3f} s"
          f"{step * num_batches:>8.1f} s")

# %% [markdown]
# ## Training, the simple way
#
# An epoch carries the state through the text and cuts the gradient between
# mini-batches. At a learning rate as small as $10^{-4}$ the models only begin
# to learn in three epochs.


# %%
def train_epoch(model, trainer):
    """Return the mean loss of one epoch on the whole text."""
    losses, state = [], model.begin_state(batch_size, ctx)
    for x, y in d2l.ptb_iterator(corpus.corpus_indices, batch_size,
                                 num_steps):
        state = [s.detach() for s in state]
        with autograd.record():
            output, state = model(nd.array(x, ctx=ctx), state)
            l = loss(output, nd.array(y.T.reshape(-1), ctx=ctx)).mean()
        l.backward()
        trainer.step(1)
        losses.append(l)
    return np.mean([l.asscalar() for l in losses])


for label, model in {
        "1 layer, RNN, one-hot": d2l.CharRNN(
            vocab_size, None, num_hiddens, 1, "rnn"),
        "3 layers, LSTM": d2l.CharRNN(vocab_size, 100, num_hiddens, 3)
        }.items():
    d2l.seed(seed)
    model.initialize(init.Xavier(), ctx=ctx)
    model.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(model.collect_params(), "adam",
                            {"learning_rate": 1e-4})
    losses = [train_epoch(model, trainer) for _ in range(d2l.epochs(3))]
    print(f"{label:<24}", *(f"{l:.3f}" for l in losses))

# %% [markdown]
# ## A text held out
#
# From here on `d2l.fit` trains: it keeps the last tenth of the text for
# measuring, clips gradients by their norm over all parameters, and saves what
# it needs to go on after a stop. The perplexity on the text held out says
# how well a text is predicted that the model cannot know by heart. Bits per
# character are the same in another unit: $\log_2$ of the perplexity.
#
# ## Layers, dropout, layer normalisation
#
# *Layers.* The outputs of one layer are the inputs of the next.
#
# *Dropout* sets a share $p$ of the inputs of each layer, and of the last
# outputs, to zero while training, and divides the others by $1 - p$. Where
# a lesson gives cells an `input_keep_prob` and an `output_keep_prob`, each is
# $1 - p$. From step to step nothing is dropped: the state must last.
#
# *Layer normalisation* brings each gate's inputs to mean 0 and variance 1
# over the hidden units, and then lets it learn a scale and a shift:
#
# $$\mathrm{LN}(\mathbf{a}) = \boldsymbol{\gamma} \odot
#   \frac{\mathbf{a} - \mu}{\sqrt{\sigma^2 + 10^{-5}}} + \boldsymbol{\beta}.$$
#
# It is one line more in the cell. `F` is `nd` or, in a graph, `sym`; `X` has
# the products of the inputs with the weights of all gates, and `h2h` makes
# those of the state.


# %%
def lstm_memory(F, gates, C):
    I, forget, C_tilde, O = gates
    C = F.sigmoid(forget) * C + F.sigmoid(I) * F.tanh(C_tilde)
    H = F.sigmoid(O) * F.tanh(C)
    return H, [H, C]


def lstm_step(F, h2h, X, state):
    H, C = state
    return lstm_memory(F, F.split(X + h2h(H), num_outputs=4, axis=1), C)


def ln_lstm_step(F, h2h, scales, shifts, X, state):
    H, C = state
    gates = F.split(X + h2h(H), num_outputs=4, axis=1)
    gates = [F.LayerNorm(gate, scale, shift, axis=-1, eps=1e-5)
             for gate, scale, shift in zip(gates, scales, shifts,
                                           strict=True)]
    return lstm_memory(F, gates, C)


# %%
part = d2l.load_corpus("tinyshakespeare", num_chars=300_000)
for label, choices in {
        "one layer": {"num_layers": 1}, "two layers": {"num_layers": 2},
        "dropout": {"num_layers": 2, "dropout": 0.2},
        "layer normalisation": {"num_layers": 1, "cell": "ln_lstm"}}.items():
    print(label)
    model = d2l.CharRNN(part.vocab_size, 32, num_hiddens, **choices)
    d2l.fit(model, part, d2l.epochs(3), lr=5e-3, num_steps=50, seed=seed)

# %% [markdown]
# ## The final model
#
# Two layers of LSTM with 256 hidden units, as wide as some minutes allow; an
# embedding of 64, since 65 characters need no more; dropout, because a
# million characters can be learned by heart; Adam, with a learning rate
# that rises and falls again (one cycle), with which the loss ends lower than
# with a constant one; mini-batches of 50 rows and 100 steps; the fused
# operator.

# %%
model = d2l.CharRNN(vocab_size, embed_size=64, num_hiddens=256, num_layers=2,
                    cell="lstm", dropout=0.3, unroll="fused")
settings = {"num_epochs": d2l.epochs(10), "lr": 4e-3, "batch_size": 50,
            "num_steps": 100, "schedule": "one_cycle",
            "clipping_theta": 1.0, "seed": seed}
run = Path("runs", f"char_rnn-model-{time.strftime('%Y%m%d-%H%M%S')}")
history = d2l.fit(model, corpus, **settings, folder=run)

# %% [markdown]
# ## From a file
#
# The file holds the weights, the vocabulary and the configuration, so its
# path is all it takes, here and in another process.

# %%
path = run / "best.safetensors"
model = d2l.load_model(path, ctx)
text = "".join(d2l.generate(model, "\n", 400, temperature=0.8, seed=seed))
print(text)

# %%
code = (f"import d2lrnn as d2l; print(''.join(d2l.generate(d2l.load_model("
        f"{str(path)!r}), '\\n', 400, temperature=0.8, seed={seed})))")
other = subprocess.run([sys.executable, "-c", code], check=True,
                       capture_output=True, encoding="utf-8")
assert other.stdout == text + "\n" or ctx.device_type == "gpu"

# %% [markdown]
# ## The perplexity report

# %%
histories = {"char-RNN": history}
d2l.plot_perplexity(histories, corpus)

# %%
report = d2l.write_report("char_rnn", histories, corpus,
                          {**model.config, **settings, "ctx": ctx})

# %% [markdown]
# ## What was seen
#
# On two cores of an AMD EPYC, tiny Shakespeare: three layers of LSTM take
# 46 seconds an epoch unrolled statically, 76 by `foreach` and 8 fused, and no
# graph takes half a second to build. After three epochs of the simple way the
# loss is 3.21 for the plain cell and 3.04 for the LSTM. On 300,000 characters
# the held-out perplexity is 5.41 with one layer, 5.46 with two, 5.92 with
# dropout, which such a short training does not need, and 5.10 with layer
# normalisation. The final model ends at a perplexity of 4.197 while it
# trains, and of 4.556 on the text held out, after 22 seconds an epoch.
#
# `python -m benchmarks.studies.tinyshakespeare` trains a model of twice the
# width for twenty minutes: 4.143 on the text held out.
#
# ## Summary
#
# * Unrolling is a choice of how to compute, not of what: three graphs of the
#   same model give the same numbers in very different times.
# * Only a text held out shows whether a model learned the language or the
#   text. Dropout moves the one towards the other.
# * A file with weights, vocabulary and configuration is a model; weights
#   alone are not.
#
# ## Exercises
#
# 1. Sample with temperature 0.2 and 1.5, then with `top_k=5` and `top_p=0.9`.
#    What does each do to the mistakes, and to the variety?
# 2. Train the final model on words, `level="word", min_freq=5`. Which level
#    needs fewer bits per character, and how much of that is `<unk>`?
# 3. Let dropout act on the state from step to step, by changing `lstm_step`.
#    What does it do to the memory?
