# %% [markdown]
# # Which should you take?
#
# Seven ways to predict the next character, and an evening. Every paper has a
# table in which its own model wins; what it seldom has is the same text, the
# same number of parameters and the same *time* for all. This lesson has. It
# also writes the one model that the book's chapter 6 does not have: a small
# Transformer.
#
# After this lesson you can
#
# * write a Transformer in Gluon, and test that no character sees a later one;
# * compare models at equal time, with several seeds, and say what such a
#   table does not show;
# * say why bits a character in Chinese and in English cannot be compared, and
#   what can.
#
# You need [char-RNN](char_rnn.py); [a window or a memory?](shakespeare.py)
# has the writer of windows, and [recurrent networks that train in
# parallel](parallel_scan.py) the minGRU. The lesson takes about eight minutes
# of one core. The letters are those of the [notation](/notation.md); $d$,
# $\mathbf{q}$, $\mathbf{k}$, $\mathbf{v}$ and $a$ have their meaning in this
# lesson alone.

# %%
import math
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn
from numpy.lib.stride_tricks import sliding_window_view

sonnets = d2l.load_corpus("original_sonnets.txt")
vocab_size = sonnets.vocab_size
train_ids, held_out_ids, _ = d2l.split(sonnets, 0.1)
print(f"{len(train_ids):,} characters to train on, {len(held_out_ids):,} held "
      f"out, {vocab_size} distinct")

# %% [markdown]
# ## Look, instead of remembering
#
# A recurrent network hands on what it knows from step to step. Whatever is
# needed later has to fit into one vector and to survive each step.
# *Attention* hands on nothing. It keeps a vector for every character so far,
# and at each step looks through all of them.
#
# ```{figure} /figures/looking_back.svg
# :name: fig-looking-back
# :alt: Above, a chain of states; below, one position reads three vectors.
#
# Above: the third state reads the second, and has the first from hearsay.
# Below: the third position weighs all vectors up to its own. The dashed ones
# are later, and their weights are zero.
# ```
#
# What to look for is a vector as well, the *query* $\mathbf{q}_t$ of position
# $t$. Each position $s$ offers a *key* $\mathbf{k}_s$, by which it can be
# found, and a *value* $\mathbf{v}_s$, which is what is read
# ({numref}`fig-looking-back`). The more a key resembles the query, the larger
# is its weight:
#
# $$\begin{gathered} a_{ts} = \frac{\exp(\mathbf{q}_t^\top \mathbf{k}_s /
#   \sqrt d)}{\sum_{r \le t} \exp(\mathbf{q}_t^\top \mathbf{k}_r / \sqrt d)},
#   \qquad s \le t, \\
#   \mathbf{h}_t = \sum_{s \le t} a_{ts} \mathbf{v}_s. \end{gathered}$$
#
# This is a softmax over the positions up to $t$. All three vectors, of size
# $d$, are products of the position's input with a learned matrix each. The
# root keeps the sums of $d$ products from growing with $d$, which would push
# all the weight to one position. The *causal mask* is the condition
# $s \le t$: in code, a large number is subtracted from the scores of all
# later positions, so that their weights are exactly zero.


# %%


def attention(Q, K, V, causal):  # (n, num_heads, T, d) each
    T, d = Q.shape[2:]
    scores = nd.linalg.gemm2(Q, K, transpose_b=True) / math.sqrt(d)
    if causal:
        t = nd.arange(T).reshape((1, 1, 1, T))
        later = nd.broadcast_greater(t, t.swapaxes(2, 3))
        scores = nd.broadcast_minus(scores, 1e9 * later)
    return nd.linalg.gemm2(nd.softmax(scores), V)

# %% [markdown]
# By hand, with $d = 1$ and three characters: let all queries be 1, the keys
# $0, 0, \ln 2$ and the values $8, 4, 2$. The third position weighs with
# $e^0, e^0, e^{\ln 2}$, which is $1, 1, 2$, or as shares $1/4, 1/4, 1/2$. It
# reads $8/4 + 4/4 + 2/2 = 4$. The second sees two keys that are alike, and
# reads $8/2 + 4/2 = 6$; the first sees itself alone, and reads 8. Without the
# mask all three would read 4.

# %%
Q, K, V = nd.array([[1, 1, 1], [0, 0, math.log(2)], [8, 4, 2]]).reshape(
    (3, 1, 1, 3, 1))
for causal, expected in ((True, [8, 6, 4]), (False, [4, 4, 4])):
    H = attention(Q, K, V, causal).asnumpy().reshape(-1)
    print(f"causal {causal}:", H)
    assert np.allclose(H, expected)

# %% [markdown]
# ## A small Transformer
#
# Four things around it make a Transformer (Vaswani et al. 2017). *Heads*:
# each layer looks several times at once, with shorter vectors; what the heads
# read is joined and multiplied by a matrix.


# %%


def dense(num_inputs, num_outputs, activation=None):
    return nn.Dense(num_outputs, activation, in_units=num_inputs,
                    flatten=False)


class SelfAttention(gluon.Block):
    num_heads, causal = 4, True

    def __init__(self, num_hiddens):
        super().__init__()
        self.qkv = dense(num_hiddens, 3 * num_hiddens)
        self.join = dense(num_hiddens, num_hiddens)

    def forward(self, X):  # (n, T, num_hiddens)
        heads = self.qkv(X).reshape((0, 0, 3 * self.num_heads, -1))
        Q, K, V = heads.transpose((0, 2, 1, 3)).split(3, axis=1)
        H = attention(Q, K, V, self.causal).transpose((0, 2, 1, 3))
        return self.join(H.reshape((0, 0, -3)))

# %% [markdown]
# *A feed-forward network*: attention only mixes positions with weights that
# sum to one. Two layers with a ReLU between them then work on each position
# by itself. *Residual connections*: both add to what came in instead of
# replacing it, so the gradient has a way down along which nothing is
# multiplied, the idea of the [LSTM](lstm.py)'s memory cell turned upright.
# Layer normalisation stands before each of the two, not after the sum as in
# 2017: that trains without a slow start of the learning rate (Xiong et al.
# 2020).


# %%


class Layer(gluon.Block):
    def __init__(self, num_hiddens, dropout):
        super().__init__()
        self.look, self.think = nn.Sequential(), nn.HybridSequential()
        self.look.add(nn.LayerNorm(in_channels=num_hiddens),
                      SelfAttention(num_hiddens), nn.Dropout(dropout))
        self.think.add(nn.LayerNorm(in_channels=num_hiddens),
                       dense(num_hiddens, 4 * num_hiddens, "relu"),
                       dense(4 * num_hiddens, num_hiddens),
                       nn.Dropout(dropout))

    def forward(self, X):
        X = X + self.look(X)
        return X + self.think(X)

# %% [markdown]
# *Positions*: a sum does not know the order of its terms, so each position
# has a learned vector, which is added to the character's. There are as many
# as the window is long, `Tx`, and beyond it this model cannot look. It has no
# state to carry: `begin_state` returns `()`, as `WindowLSTM` does, and the
# scores come one step after another, as those of `CharRNN` do. So one loop
# will train all.


# %%


class Transformer(gluon.Block):
    def __init__(self, vocab_size, num_hiddens, num_layers, dropout, Tx):
        super().__init__()
        self.embedding, self.positions = (
            nn.Embedding(size, num_hiddens,
                         weight_initializer=init.Normal(1.0))
            for size in (vocab_size, Tx))
        self.layers = nn.Sequential()
        self.layers.add(nn.Dropout(dropout),
                        *(Layer(num_hiddens, dropout)
                          for _ in range(num_layers)),
                        nn.LayerNorm(in_channels=num_hiddens),
                        dense(num_hiddens, vocab_size))

    def begin_state(self, batch_size):
        return ()

    def forward(self, X, state=()):  # (n, T)
        steps = self.positions(nd.arange(X.shape[1])).expand_dims(0)
        Y = self.layers(nd.broadcast_add(self.embedding(X), steps))
        return Y.swapaxes(0, 1).reshape((-3, 0)), ()

# %% [markdown]
# Does it look ahead? Change the last three characters of a line: the scores
# before them must not change, and those from there on must.

# %%
d2l.seed(1)
model = Transformer(vocab_size, 64, num_layers=2, dropout=0.2, Tx=64)
model.initialize(init.Xavier())
X = nd.array(train_ids[:40]).reshape((1, 40))
changed = nd.concat(X[:, :37], (X[:, 37:] + 1) % vocab_size, dim=1)
change = abs(model(X)[0] - model(changed)[0]).max(axis=1).asnumpy()
print(f"before {change[:37].max()}, from there on {change[37:].min():.1f}")
assert change[:37].max() == 0 < change[37:].min()

# %% [markdown]
# ## The rules
#
# *The text.* The sonnets that ship, with their last tenth held out. Every
# model is measured on the same characters, each of them once. A `CharRNN`
# reads 64 characters of the training text and then all the held-out ones. The
# writer of windows predicts each from the 40 before it. The Transformer
# predicts ten at a time, from windows of 64, so each after at least 54.
#
# *The size.* About 108,000 parameters each. All have dropout 0.2, Adam,
# gradients clipped at 1, mini-batches of 16 pieces of 64 characters (the
# windows: 64 of 40), and a learning rate that was the best of three (0.001,
# 0.003, 0.01) in one run each with another seed. No model had more trials
# than the others.
#
# *The time.* Ten seconds of training each, counted as the processor's seconds
# in this process, which other programs do not disturb. The clock stands still
# while we measure, ten times in each run, and the best of the ten counts.
# (That choice looks at the held-out text, for all models alike, as does the
# $n$ of the n-grams.)


# %%


def lengths(model):
    """Return T, how many of the last scores count, and n."""
    return (40, 1, 64) if isinstance(model, d2l.WindowLSTM) else (64, 10, 16)


def losses(model, pieces):  # (n, T + 1)
    Y, _ = model(nd.array(pieces[:, :-1]), model.begin_state(len(pieces)))
    y = pieces[:, 1:].T.reshape(-1)[-len(Y):]
    return -nd.pick(nd.log_softmax(Y), nd.array(y))


def held_out_nats(model, train_ids, held_out_ids):
    T, last, _ = lengths(model)
    ids = np.append(train_ids[last - T - 1:], held_out_ids)
    l = losses(model, sliding_window_view(ids, T + 1)[::last])
    num_pieces = len(held_out_ids) // last
    return l[-last * num_pieces:].mean().asscalar()

# %%
seconds, num_marks = d2l.epochs(100) / 10, d2l.epochs(10)


def train(model, lr, seed, train_ids, held_out_ids):
    d2l.seed(seed)
    model.initialize(init.Xavier())
    model.hybridize()
    params = model.collect_params()
    trainer = gluon.Trainer(params, "adam", {"learning_rate": lr})
    (T, _, n), rng = lengths(model), np.random.default_rng(seed)
    marks, num_chars, start = [], 0, time.process_time()
    while len(marks) < num_marks:
        begin = rng.integers(len(train_ids) - T, size=(n, 1))
        with autograd.record():
            l = losses(model, train_ids[begin + np.arange(T + 1)])
            mean = l.mean()
        mean.backward()
        d2l.grad_clipping([p.data() for p in params.values()], 1.0)
        trainer.step(1)
        nd.waitall()
        num_chars += l.size
        spent = time.process_time() - start
        if spent >= seconds * (len(marks) + 1) / num_marks:
            marks.append((spent, num_chars, held_out_nats(
                model, train_ids, held_out_ids)))
            start = time.process_time() - spent
    return np.array(marks)

# %% [markdown]
# ## The marks of counting
#
# Counting needs no training to speak of. Which $n$ is best, and where is it?


# %%
def ngram_perplexity(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    *_, p = d2l.ngram_probabilities(corpus_indices, n, vocab_size, held_out,
                                    smooth)
    with np.errstate(divide="ignore"):  # log(0) is -inf
        return d2l.perplexity(-np.log(p).mean())


def best_ngram(train_ids, held_out_ids, vocab_size):
    return min((math.log(ngram_perplexity(train_ids, n, vocab_size,
                                          held_out_ids)), n)
               for n in range(1, 9))


counted, n = best_ngram(train_ids, held_out_ids, vocab_size)
print(f"{n}-grams: {counted:.3f} nats")

# %% [markdown]
# ## The table
#
# How fast a model *writes* is another matter than how fast it trains. All
# write greedily and one character after another, with the plainest loop: a
# recurrent model reads the one new character, the other two read their whole
# window again. (A Transformer can keep the keys and values of the characters
# before; this one does not. And `d2l.generate` is faster than this loop.)


# %%
def write_speed(model, num_chars=100):
    T, _, _ = reading(model, 0)
    text, state = [int(i) for i in train_ids[:T]], model.begin_state(1)
    start = time.process_time()
    for _ in range(num_chars):
        X = text[-1:] if state else text[-T:]
        Y, state = model(nd.array([X]), state)
        text.append(int(Y[-1].argmax(axis=0).asscalar()))
    return num_chars / (time.process_time() - start)


def char_rnn(cell, num_hiddens, num_layers=1, vocab_size=vocab_size):
    return d2l.CharRNN(vocab_size, 64, num_hiddens, num_layers, cell, 0.2)


makers = {
    "RNN": (lambda: char_rnn("rnn", 270), 3e-3),
    "GRU": (lambda: char_rnn("gru", 150), 3e-3),
    "LSTM": (lambda: char_rnn("lstm", 128), 3e-3),
    "LSTM, 2 layers": (lambda: char_rnn("lstm", 80, 2), 3e-3),
    "minGRU, 2 layers": (lambda: char_rnn("mingru", 190, 2), 3e-3),
    "windows": (lambda: d2l.WindowLSTM(vocab_size, 84, 0.2), 3e-3),
    "Transformer": (lambda: Transformer(vocab_size, 64, 2, 4), 3e-3)}
runs, speeds = {}, {}
for name, (make, lr) in makers.items():
    models = [make() for _ in range(3)]
    runs[name] = np.array([train(model, lr, seed, train_ids, held_out_ids)
                           for seed, model in enumerate(models, 1)])
    sizes = [p.data().size for p in models[0].collect_params().values()]
    speeds[name] = sum(sizes), write_speed(models[0])

# %%
print(f"{'':<18}{'parameters':>10}{'held out':>9}  (three seeds)  "
      f"{'trains':>7}{'writes':>7} characters/s")
best = {name: run[:, :, 2].min(axis=1) for name, run in runs.items()}
for name, run in runs.items():
    spent, num_chars, _ = run[:, -1].sum(axis=0)
    size, writes = speeds[name]
    print(f"{name:<18}{size:>10,}{np.median(best[name]):>9.3f}  "
          f"{best[name].min():.3f} to {best[name].max():.3f}"
          f"{num_chars / spent:>9,.0f}{writes:>7,.0f}")
print(f"{n}-grams{counted:>29.3f}")

# %%
axes = d2l.new_figure((8, 4.5)).subplots()
for i, (name, run) in enumerate(runs.items()):
    spent, _, nats = np.median(run, axis=0).T
    axes.plot(run[:, :, 0].T, run[:, :, 2].T, f"C{i}.", markersize=4)
    axes.plot(spent, nats, f"C{i}", label=name)
axes.axhline(counted, color="0.3", ls=":", label=f"{n}-grams")
axes.set(xlabel="seconds of one core", ylabel="held-out nats")
axes.legend(fontsize="small", ncols=2)
axes.figure

# %% [markdown]
# ## Chinese beside English
#
# The same GRU, for the same time, on 17,000 characters of the Chinese lyrics
# and of the sonnets. A language model of which language is better, in bits a
# character? Then both read the same four lines, once in each language, which
# neither has trained on.

# %%
verses = {
    "original_lyrics.txt": "雨落在旧屋檐\n灯还亮在窗边\n我写给你的信\n"
                           "放了一年又一年\n",
    "original_sonnets.txt": "The rain is falling on the ancient eaves,\n"
                            "The lamp is burning by the window still;\n"
                            "The letter that I wrote to thee\n"
                            "Has lain here for a year, and yet a year.\n"}
for file, verse in verses.items():
    corpus = d2l.load_corpus(file, num_chars=17_000)
    ids, rest, unk = d2l.split(corpus, 0.1)
    bits, of_verse = [], []
    for seed in (1, 2, 3):
        model = char_rnn("gru", 150, vocab_size=corpus.vocab_size)
        marks = train(model, 3e-3, seed, ids, rest)
        bits.append(marks[:, 2].min() / math.log(2))
        Z = np.array([[corpus.char_to_idx[c] for c in "\n" + verse]])
        l, _ = losses(model, Z[:, :-1], Z[:, 1:], model.begin_state(1))
        of_verse.append(l.sum().asscalar() / math.log(2))
    line = len(rest) / corpus.text[-len(rest):].count("\n")
    print(f"{file}: {corpus.vocab_size:,} distinct, {np.mean(rest == unk):.1%}"
          f" of the held-out ones unknown\n  {np.median(bits):.2f} bits a "
          f"character ({min(bits):.2f} to {max(bits):.2f}), {line:.1f} "
          f"characters a line, {np.median(bits) * line:.0f} bits a line\n"
          f"  the four lines: {len(verse)} characters, "
          f"{np.median(of_verse):.0f} bits")

# %% [markdown]
# ## Common mistakes
#
# **Compared by epochs.**

# %%
del runs["windows"]  # each of its predictions costs 40 characters
fewest = min(run[:, -1, 1].min() for run in runs.values())
for title, column, limit in (("time", 0, seconds), ("epochs", 1, fewest)):
    after = {name: np.median([np.interp(limit, seed[:, column], seed[:, 2])
                              for seed in run]) for name, run in runs.items()}
    order = sorted(after, key=after.get)
    print(f"at equal {title}:", *(f"{name} {after[name]:.3f}" for name in order), sep="\n  ")

# %% [markdown]
# **The mask forgotten.**

# %%
for causal in (True, False):
    model = Transformer(vocab_size, 64, 2, 4, causal=causal)
    marks = train(model, 3e-3, 1, train_ids, held_out_ids)
    X = sliding_window_view(held_out_ids, 65)
    l, _ = losses(model, X[::10, :-1], X[::10, 1:], ())
    l = l.reshape((64, -1)).mean(axis=1)
    print(f"causal {causal}: {l[:-1].mean().asscalar():.3f} nats within the window, {l[-1].asscalar():.3f} where nothing follows")
