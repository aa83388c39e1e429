# %% [markdown]
# # The char-RNN
#
# The book's chapter 6 ends with models that learn ten thousand characters of
# lyrics by heart. What does it take to learn the *language* instead? A longer
# text, more around the same cells, and another way to judge the result.
#
# After this lesson you can
#
# * write a character model of several layers and its training loop;
# * tell from two curves whether a model learns the language or the text, and
#   say where dropout belongs;
# * keep a model, with its vocabulary, in one file.
#
# It needs [LSTM](lstm.py) and [deep networks](deep_rnn.py), and takes about
# four minutes on two cores. The letters are those of the
# [notation](/notation.md).

# %%
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn, rnn

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare")
vocab_size = corpus.vocab_size
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## The model
#
# ```{figure} /figures/char_rnn.svg
# :name: fig-char-rnn
# :alt: Ids pass through an embedding, recurrent layers and an output layer.
#
# The char-RNN: an embedding, recurrent layers, and an output layer. Dropout
# acts on the arrows that go up, and never on those that go from step to step.
# ```
#
# The model ({numref}`fig-char-rnn`) looks up a row of the embedding matrix
# $\mathbf{E}$ for the character $x_t$, passes it through $L$ recurrent
# layers, and computes the scores of all characters that may follow:
#
# $$\begin{gathered} \mathbf{H}^{(0)}_t = \mathbf{E}_{x_t}, \\
#   \mathbf{H}^{(l)}_t = \mathrm{cell}(\mathbf{H}^{(l-1)}_t,
#   \mathbf{H}^{(l)}_{t-1}), \\ l = 1, \ldots, L, \end{gathered}$$
#
# $$\mathbf{Y}_t = \mathbf{H}^{(L)}_t \mathbf{W}_{hq} + \mathbf{b}_q.$$
#
# With LSTM cells each layer also carries its memory cell
# $\mathbf{C}^{(l)}_t$. In Gluon the whole model is:


# %%
class CharModel(gluon.Block):
    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers,
                 dropout):
        super().__init__()
        self.num_hiddens = num_hiddens
        self.embedding = nn.Embedding(vocab_size, embed_size,
                                      weight_initializer=init.Normal(1.0))
        self.layers = nn.Sequential()
        for l in range(num_layers):
            self.layers.add(rnn.LSTM(
                num_hiddens, input_size=num_hiddens if l else embed_size,
                i2h_bias_initializer=init.LSTMBias(1.0)))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Dense(vocab_size, in_units=num_hiddens,
                               flatten=False)

    def begin_state(self, batch_size, ctx):
        return [nd.zeros((1, batch_size, self.num_hiddens), ctx=ctx)
                for _ in range(2 * len(self.layers))]

    def forward(self, inputs, state):
        H, new_state = self.embedding(inputs.T), []
        for l, layer in enumerate(self.layers):
            H, layer_state = layer(self.dropout(H), state[2 * l:2 * l + 2])
            new_state += layer_state
        Y = self.output(self.dropout(H))
        return Y.reshape((-3, 0)), new_state  # the steps one below another


# %% [markdown]
# *The bias of the forget gate begins at 1* (`LSTMBias`), so that the gate
# begins near sigmoid(1) = 0.73. With 0, as in the book, it begins near one
# half, and the memory is halved at every step before anything is learned.
#
# *Dropout* sets each of its inputs to zero with probability $p$ in training,
# drawn anew for each value and each mini-batch (the zeros and ones that are
# drawn are the *mask*), and divides the others by $1 - p$: with $p = 1/4$,
# four units of value 3 become, say, 4, 0, 4 and 4, and their mean is still 3,
# as it is on average. It acts on the inputs of every
# layer and on the last layer's outputs, $L + 1$ places in all (Zaremba et al.
# 2014). From step to step nothing is dropped: the state must last.
#
# ## The training loop
#
# `ptb_iterator` lays the text out in `batch_size` rows, and each mini-batch
# is the next `num_steps` columns, with `y` one character later than `x`: the
# consecutive sampling of the [lesson on data](lang_model_dataset.py), in
# NumPy. So the state at the end of one mini-batch is the right one to begin
# the next with, once it is detached. The loss of a character is
# the negative logarithm of the probability that the model gave it.


# %%
def train_epoch(model, ids, trainer, batch_size, num_steps, theta=1.0):
    params = [p.data() for p in model.collect_params().values()]
    losses, state = [], model.begin_state(batch_size, ctx)
    for x, y in d2l.ptb_iterator(ids, batch_size, num_steps):
        state = [s.detach() for s in state]  # the gradient ends here
        with autograd.record():
            Y, state = model(nd.array(x, ctx=ctx), state)
            log_p = nd.log_softmax(Y)
            l = -nd.pick(log_p, nd.array(y.T.reshape(-1), ctx=ctx)).mean()
        l.backward()
        d2l.grad_clipping(params, theta)
        trainer.step(1)  # the loss is a mean already
        losses.append(l)
    return np.mean([l.asscalar() for l in losses])


# %% [markdown]
# The package's `CharRNN` and `fit` do the same with more choices, such as
# other cells, schedules of the learning rate, and files from which a stopped
# training resumes. With the same weights, both models give the same scores.

# %%
sizes = vocab_size, 16, 24, 2
short, whole = CharModel(*sizes, dropout=0), d2l.CharRNN(*sizes)
for model in (short, whole):
    model.initialize(init.Xavier(), ctx=ctx)
for ours, theirs in zip(short.collect_params().values(),
                        whole.collect_params().values(), strict=True):
    ours.set_data(theirs.data())
few = nd.array(corpus.corpus_indices[:80].reshape(8, 10), ctx=ctx)
Y, Z = (model(few, model.begin_state(8, ctx))[0] for model in (short, whole))
assert np.allclose(Y.asnumpy(), Z.asnumpy(), atol=1e-5)

# %% [markdown]
# ## The language or the text?
#
# `fit` keeps the last tenth of the text for measuring. The perplexity there
# says how well the model predicts a text that it cannot know by heart. *Bits
# per character* are the same in another unit: $\log_2$ of the perplexity.
#
# A short part of the text and a wide model let us watch a model memorise. (If
# tiny Shakespeare cannot be downloaded, the sonnets that ship take its place,
# as on this page; this part is then all of them.) The training perplexity
# needs care: it is the mean over an epoch in which the model changed, and
# with dropout on. So it begins *above* the held-out one, which is measured
# after the epoch, without dropout. The third curve measures the first 10,000
# characters of the training text after each epoch, also without dropout.
# (Its rows are longer than those of the held-out text, 312 characters instead
# of 153 on the sonnets, so that fewer of them follow an empty state; the gap
# that opens below is far larger than that.)

# %%
part = d2l.load_corpus("tinyshakespeare", num_chars=40_000)
train_ids, _, _ = d2l.split(part, 0.1)


def look_again(model, record):
    losses, _ = d2l.evaluate(model, train_ids[:10_000])
    record["again"] = float(np.exp(losses.mean()))


curves = {}
for label, *choice in (("one layer", 1), ("two layers", 2),
                       ("two layers, dropout 0.2", 2, "lstm", 0.2),
                       ("one layer, normalised", 1, "ln_lstm")):
    model = d2l.CharRNN(part.vocab_size, 64, 128, *choice)
    curves[label] = d2l.fit(model, part, d2l.epochs(15), lr=1e-2,
                            batch_size=20, num_steps=50, seed=seed,
                            on_epoch_end=look_again)

# %%
figure = d2l.new_figure((10, 3.4))
grid = figure.subplots(1, len(curves), sharey=True)
for axes, (label, history) in zip(grid, curves.items(), strict=True):
    for key, name, style in (
            ("perplexity", "training, mean within the epoch", "C0:"),
            ("again", "training, after the epoch", "C0-"),
            ("held_out_perplexity", "held out", "C1-")):
        values = [record[key] for record in history]
        axes.semilogy(range(1, len(values) + 1), values, style, label=name)
    best = int(np.argmin(values))
    axes.plot(best + 1, values[best], "C1o")
    axes.set(title=label, xlabel="epoch")
    print(f"{label:<24} held out {values[best]:.3f} at best, or "
          f"{np.log2(values[best]):.3f} bits/char, after epoch {best + 1} of "
          f"{len(values)}")
grid[0].set(ylabel="perplexity", yticks=(3, 5, 10, 20),
            yticklabels=(3, 5, 10, 20))
grid[0].minorticks_off()
grid[0].legend(fontsize="x-small")
figure

# %% [markdown]
# The gap between the solid blue curve and the orange, held-out one is what
# the model has learned of this text alone. It opens long before the held-out
# curve turns up; from there on, what the model loses by memorising this text
# outweighs what it still gains by learning the language. The dot marks the
# epoch to keep; with a folder, `fit` keeps it. Dropout holds these two curves
# closer together, since no unit can rely on the others being there. (The
# dotted curve hides the gap: it has dropout on.) With all fifteen epochs it
# gave the lowest dot on the sonnets that ship and on tiny Shakespeare alike,
# while a second layer without it bought nothing on the sonnets. (One seed
# each; [deep networks](deep_rnn.py) compares with five.)
#
# *Layer normalisation* (`cell="ln_lstm"`) gives the input of each gate the
# mean 0 and the variance 1 over the hidden units, and then a scale and a
# shift that are learned. On the sonnets it fitted the training text better
# from the sixth epoch on, though each epoch took about twice as long; but on
# both texts its held-out curve turned up first, and on the sonnets it ended
# highest: what helps to fit a text may help to memorise it. In the step
# below, `X` holds the products of the inputs, and `h2h` makes those of the
# state. (Ba et al. 2016 normalise the two separately, each over all four
# gates, and the memory cell before its tanh, too.)


# %%
def ln_lstm_step(F, h2h, scales, shifts, X, state):
    H, C = state
    gates = F.split(X + h2h(H), num_outputs=4, axis=1)
    gates = [F.LayerNorm(gate, scale, shift, axis=-1, eps=1e-5)
             for gate, scale, shift in zip(gates, scales, shifts,
                                           strict=True)]
    return d2l.lstm_memory(F, gates, C)


# %% [markdown]
# ## Three ways to unroll
#
# ```{figure} /figures/three_unrolls.svg
# :name: fig-three-unrolls
# :alt: A chain of cells, one cell in a loop, and one operator for all.
#
# A layer as three graphs, from top to bottom: `static`, `foreach` and
# `fused`.
# ```
#
# The final model is to read millions of characters, so seconds count. The
# steps can become a graph in three ways ({numref}`fig-three-unrolls`).
# `static`: a Python loop puts the operators of every step into the graph,
# which grows with the number of steps. `foreach`: MXNet's scan holds the
# operators of one step, and repeats them. `fused`: one operator takes all
# steps of a layer. They compute the same in very different times; why one
# large operator beats many small ones is the subject of [Making it
# fast](making_it_fast.py).

# %%
ids, results = corpus.corpus_indices[:32 * 101], []  # one mini-batch
for unroll in ("static", "foreach", "fused"):
    d2l.seed(seed)  # the same weights
    model = d2l.CharRNN(vocab_size, 64, 100, 2, unroll=unroll)
    model.initialize(init.Xavier(), ctx=ctx)
    model.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(model.collect_params(), "sgd")
    times, losses = [time.time()], []
    for _ in range(4):
        losses.append(train_epoch(model, ids, trainer, 32, 100))
        times.append(time.time())
    results.append(losses)
    first, *steps = np.diff(times)
    print(f"{unroll:<8} first step {first:.2f} s, then {min(steps):.3f} s, "
          f"loss {losses[-1]:.4f}")
assert np.allclose(results, results[0], atol=1e-3)

# %% [markdown]
# ## The final model
#
# Two layers of 256 units; an embedding of size 64; dropout 0.3; Adam, with a
# learning rate that rises and falls again (*one cycle*, Smith and Topin
# 2018). It reads tiny Shakespeare four times, or a shorter text until it has
# read about two million characters. After each epoch it writes; some of these
# texts are printed below.

# %%
model = d2l.CharRNN(vocab_size, 64, 256, 2, dropout=0.3)
settings = {"num_epochs": d2l.epochs(max(4, round(2e6 / corpus.num_chars))),
            "lr": 4e-3, "batch_size": 50, "num_steps": 100,
            "schedule": "one_cycle", "seed": seed}
run = f"runs/char_rnn-model-{time.strftime('%Y%m%d-%H%M%S')}"


def write(model, record):
    record["sample"] = "".join(d2l.generate(model, "\n", 100, seed=seed))


history = d2l.fit(model, corpus, **settings, folder=run, on_epoch_end=write)
for r in history[::max(1, len(history) // 4)]:
    print(f"--- after epoch {r['epoch']}\n{r['sample'].strip()}")

# %%
d2l.plot_perplexity({"char-RNN": history}, corpus)

# %% [markdown]
# ## From a file
#
# The file holds the weights of the best epoch, the vocabulary and the
# configuration. Its path is all that is needed, here or in another process.

# %%
model = d2l.load_model(f"{run}/best.safetensors", ctx)

# %% [markdown]
# It writes by drawing each character at random from its probabilities, at
# three [temperatures](decoding.py): below 1 the probable becomes more
# probable, above it the differences shrink.

# %%
for tau in (0.3, 0.8, 1.5):
    text = d2l.generate(model, "\n", 200, temperature=tau, seed=seed)
    print(f"--- temperature {tau}\n{''.join(text).strip()}")

# %% [markdown]
# ## A common mistake
#
# *Keeping the weights without the vocabulary.* `set(text)` has another order
# in every process. Let us renumber the characters of the held-out text, and
# measure the same weights again. (Like `fit` above, this reads the text in 50
# rows, each of which begins with an empty state; the four held-out curves
# were measured in 20 longer ones. So do not compare this perplexity with
# theirs: on the sonnets a row has only 61 characters instead of 153.)

# %%
_, held_out_ids, _ = d2l.split(corpus, 0.1)
order = np.random.default_rng(seed).permutation(vocab_size)
right, wrong = (float(np.exp(d2l.evaluate(model, ids, 50)[0].mean()))
                for ids in (held_out_ids, order[held_out_ids]))
print(f"held out: {right:.3f}, renumbered: {wrong:,.1f}")
assert wrong > right

# %% [markdown]
# That is far worse than a uniform guess. `sorted(set(text))`, or a file that
# holds the vocabulary, prevents it.
#
# ## Results

# %%
report = d2l.write_report("char_rnn", {"char-RNN": history}, corpus,
                          {**model.config, **settings, "ctx": ctx})

# %% [markdown]
# The guesses in the figure and the table are counted and measured on the
# training text: compare them with its curve, not with the held-out one. With
# tiny Shakespeare, the recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- char_rnn -->
# :end-before: <!-- end of char_rnn -->
# ```
#
# ## Summary
#
# * Dropout acts on the inputs of the layers of a char-RNN and on the last
#   outputs, never from step to step.
# * Only a held-out text shows whether a model has learned the language or the
#   text. Dropout pushes it from memorising towards generalising.
# * Unrolling decides how to compute, not what.
# * Weights mean nothing without the vocabulary that they were trained with.
#
# ## Exercises
#
# 1. (\*) Why does the held-out curve begin below the dotted one even
#    without dropout?
# 2. (\*) How many parameters has the final model with a vocabulary of $V$
#    characters, and in which layer are most of them?
# 3. (\*\*) Train a model on words, `level="word", min_freq=5`, and one on
#    characters. Which needs fewer bits per character, and why does the
#    share of `<unk>` spoil the comparison?
# 4. (\*\*\*) Let dropout act on the state from step to step, first with a
#    new mask at each step, then with one mask for the whole sequence (Gal
#    and Ghahramani 2016). With $p = 0.3$, what is left after 35 steps of a
#    state that is otherwise kept as it is, and which of the two harms the
#    memory?
#
# ## Further reading
#
# * A. Karpathy, *The Unreasonable Effectiveness of Recurrent Neural
#   Networks*, 2015.
# * W. Zaremba, I. Sutskever and O. Vinyals, *Recurrent Neural Network
#   Regularization*, 2014.
# * Y. Gal and Z. Ghahramani, *A Theoretically Grounded Application of Dropout
#   in Recurrent Neural Networks*, 2016.
# * J. L. Ba, J. R. Kiros and G. E. Hinton, *Layer Normalization*, 2016.
# * R. Jozefowicz, W. Zaremba and I. Sutskever, *An Empirical Exploration of
#   Recurrent Network Architectures*, 2015: the forget gate's bias.
# * L. N. Smith and N. Topin, *Super-Convergence: Very Fast Training of Neural
#   Networks Using Large Learning Rates*, 2018.
#
# In the book, dropout is section 3.13 of the first edition and 4.6 of the
# second; deep networks are 6.9 and 9.3. Next:
# [regularisation](regularisation.py).
