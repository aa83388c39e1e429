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
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn
from numpy.lib.stride_tricks import sliding_window_view as windows

corpus = d2l.load_corpus("original_sonnets.txt")
train_ids, held_out_ids, _ = d2l.split(corpus, held_out=0.1)
print(f"{len(train_ids):,} to train on, {len(held_out_ids):,} held out")

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


def attention(Q, K, V, causal):  # (n, num_heads, T, d)
    T, d = Q.shape[2:]
    scores = nd.linalg.gemm2(Q, K, transpose_b=True) / d ** 0.5
    if causal:
        later = np.triu(np.full((1, 1, T, T), 1e9), k=1)
        scores = nd.broadcast_minus(scores, nd.array(later))
    return nd.linalg.gemm2(nd.softmax(scores), V)

# %% [markdown]
# By hand, with $d = 1$ and three characters: let all queries be 1, the keys
# $0, 0, \ln 2$ and the values $8, 4, 2$. The third position weighs with
# $e^0, e^0, e^{\ln 2}$, which is $1, 1, 2$, or as shares $1/4, 1/4, 1/2$. It
# reads $8/4 + 4/4 + 2/2 = 4$. The second sees two keys that are alike, and
# reads $8/2 + 4/2 = 6$; the first sees itself alone, and reads 8. Without the
# mask all three would read 4.

# %%
Q, K, V = nd.array([[1, 1, 1], [0, 0, np.log(2)], [8, 4, 2]]).reshape(
    (3, 1, 1, 3, 1))
for causal, H in ((True, [8, 6, 4]), (False, [4, 4, 4])):
    print(causal, read := attention(Q, K, V, causal).asnumpy().reshape(-1))
    assert np.allclose(read, H)

# %% [markdown]
# ## A small Transformer
#
# Four things around it make a Transformer (Vaswani et al. 2017). *Heads*:
# each layer looks several times at once, with shorter vectors; what the heads
# read is joined and multiplied by a matrix.


# %%


class Layer(nn.Block):
    num_heads, causal = 4, True

    def __init__(self, num_hiddens, dropout):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(), nn.Dropout(dropout)
        self.qkv = nn.Dense(3 * num_hiddens, flatten=False)
        self.join = nn.Dense(num_hiddens, flatten=False)
        self.feed_forward = nn.HybridSequential()
        self.feed_forward.add(
            nn.LayerNorm(), nn.Dense(4 * num_hiddens, "relu", flatten=False),
            nn.Dense(num_hiddens, flatten=False), nn.Dropout(dropout))

    def forward(self, X):  # (n, T, num_hiddens)
        heads = self.qkv(self.norm(X)).reshape((0, 0, 3 * self.num_heads, -1))
        Q, K, V = heads.transpose((0, 2, 1, 3)).split(3, axis=1)
        H = attention(Q, K, V, self.causal).transpose((0, 2, 1, 3))
        X = X + self.dropout(self.join(H.reshape((0, 0, -3))))
        return X + self.feed_forward(X)

# %% [markdown]
# *Positions*: a sum does not know the order of its terms, so each position
# has a learned vector, which is added to the character's. There are as many
# as the window is long, `Tx`, and beyond it this model cannot look. It has no
# state to carry: `begin_state` returns `()`, as `WindowLSTM` does, and the
# scores come one step after another, as those of `CharRNN` do. So one loop
# will train all.


# %%


class Transformer(nn.Block):
    def __init__(self, vocab_size, num_hiddens, num_layers, dropout, Tx):
        super().__init__()
        begin = {"weight_initializer": init.Normal(1.0)}
        self.embedding = nn.Embedding(vocab_size, num_hiddens, **begin)
        self.positions = nn.Embedding(Tx, num_hiddens, **begin)
        self.layers = nn.Sequential()
        for _ in range(num_layers):
            self.layers.add(Layer(num_hiddens, dropout))
        self.layers.add(nn.LayerNorm(), nn.Dense(vocab_size, flatten=False))

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
model = Transformer(corpus.vocab_size, 64, num_layers=2, dropout=0.2, Tx=64)
model.initialize()
Y = model(nd.array([[*range(40)], [*range(37), 7, 7, 7]]))[0].asnumpy()
change = abs(Y[::2] - Y[1::2]).max(axis=1)
print(f"before {change[:37].max()}, from there on {change[37:].min():.1e}")
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


def losses(model, pieces):  # (n, T + 1)
    Y, _ = model(nd.array(pieces[:, :-1]), model.begin_state(len(pieces)))
    y = pieces[:, 1:].T.reshape(-1)[-len(Y):]
    return -nd.pick(nd.log_softmax(Y), nd.array(y))

# %%
seconds, num_marks = d2l.epochs(100) / 10, d2l.epochs(10)


def train(seed, corpus, kind, lr, *sizes):
    d2l.seed(seed)
    model, rng = kind(corpus.vocab_size, *sizes), np.random.default_rng(seed)
    model.initialize(init.Xavier())
    model.hybridize()
    params = model.collect_params()
    trainer = gluon.Trainer(params, "adam", {"learning_rate": lr})
    n, T, last = (64, 40, 1) if kind is d2l.WindowLSTM else (16, 64, 10)
    ids, rest, _ = d2l.split(corpus, held_out=0.1)
    pieces = windows(ids, T + 1)
    judged = windows(np.append(ids[last - T - 1:], rest), T + 1)[::last]
    marks, num_chars, start = [], 0, time.process_time()
    while len(marks) < num_marks:
        with autograd.record():
            l = losses(model, pieces[rng.integers(len(pieces), size=n)])
        l.backward()
        d2l.grad_clipping([p.data() for p in params.values()], theta=l.size)
        trainer.step(l.size)
        nd.waitall()
        num_chars, spent = num_chars + l.size, time.process_time() - start
        if spent >= seconds * (len(marks) + 1) / num_marks:
            nats = losses(model, judged)[-last * len(judged):].mean()
            marks.append((spent, num_chars, nats.asscalar()))
            start = time.process_time() - spent
    return model, np.array(marks)

# %% [markdown]
# ## The table
#
# How fast a model *writes* is another matter than how fast it trains. All
# write greedily, one character after another, with the plainest loop there
# is: a recurrent model reads the one new character, the other two read their
# whole window again. (A Transformer can keep the keys and values of the
# characters before; this one does not. For a `CharRNN`, `d2l.generate` is
# faster than this loop.)


# %%
settings = {
    "Transformer": (Transformer, 1e-2, 64, 2, 0.0, 64),
    "windows": (d2l.WindowLSTM, 1e-2, 84, 0.0, 40),
    "minGRU, 2 layers": (d2l.CharRNN, 3e-3, 64, 190, 2, "mingru", 0.0),
    "RNN": (d2l.CharRNN, 3e-3, 64, 270, 1, "rnn", 0.2),
    "GRU": (d2l.CharRNN, 3e-3, 64, 150, 1, "gru", 0.2),
    "LSTM": (d2l.CharRNN, 1e-2, 64, 128, 1, "lstm", 0.2),
    "LSTM, 2 layers": (d2l.CharRNN, 1e-2, 64, 80, 2, "lstm", 0.2)}
runs = {}
for name, setting in settings.items():
    trained = [train(seed, corpus, *setting) for seed in (1, 2, 3)]
    model, runs[name] = trained[0][0], np.array([m for _, m in trained])
    T = {Transformer: 64, d2l.WindowLSTM: 40, d2l.CharRNN: 1}[setting[0]]
    X, state, start = [train_ids[:T]], None, time.process_time()
    for _ in range(100):
        Y, state = model(nd.array(X), state or model.begin_state(1))
        Y.wait_to_read()
    writes = 100 / (time.process_time() - start)
    least, median, most = np.sort(runs[name][:, :, 2].min(axis=1))
    spent, num_chars, nats = np.median(runs[name], axis=0).T
    fewest = np.median(runs["Transformer"][:, -1, 1])
    same = np.interp(fewest, num_chars, nats, right=np.nan)
    size = sum(p.data().size for p in model.collect_params().values())
    print(f"{name:<17}{size:,}  {median:.3f} ({least:.3f} to {most:.3f})"
          f"{spent[nats.argmin()]:5.1f} s {num_chars[-1] / spent[-1]:7,.0f}"
          f"{writes:7,.0f} {same:7.3f}")

# %% [markdown]
# The mark to beat is that of the n-grams of the [first
# lesson](language_models.py).


# %%
def ngram_perplexity(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    *_, p = d2l.ngram_probabilities(corpus_indices, n, vocab_size, held_out,
                                    smooth)
    with np.errstate(divide="ignore"):  # log(0) is -inf
        return d2l.perplexity(-np.log(p).mean())


counted, n = min((np.log(ngram_perplexity(
    train_ids, n, corpus.vocab_size, held_out_ids)), n) for n in range(1, 8))
print(f"{n}-grams: {counted:.3f} nats")

# %%
axes = d2l.new_figure((8, 4.5)).subplots()
for i, (name, run) in enumerate(runs.items()):
    axes.plot(run[:, :, 0], run[:, :, 2], f"C{i}.", markersize=4)
    axes.plot(*np.median(run, axis=0).T[::2], f"C{i}", label=name)
axes.axhline(counted, color="0.3", ls=":", label=f"{n}-grams")
axes.set(xlabel="seconds of one core", ylabel="held-out nats")
axes.legend(fontsize="small", ncols=2)
axes.figure

# %% [markdown]
# ## Chinese beside English
#
# The same GRU, for the same time, on 17,000 characters of the Chinese lyrics
# and of the sonnets, with a tenth held out. Then it reads four lines that it
# has not trained on; they say the same in both languages.

# %%
verses = {"lyrics": "雨落在旧屋檐\n灯亮在窗边\n",
          "sonnets": "Rain falls on old eaves,\nA lamp burns by the window,\n"}
for name, verse in verses.items():
    part = d2l.load_corpus(f"original_{name}.txt", num_chars=17_000)
    read = np.array([[part.char_to_idx[char] for char in "\n" + verse]])
    bits = [(marks[:, 2].min() / np.log(2),
             losses(model, read).sum().asscalar() / np.log(2))
            for model, marks in (train(seed, part, *settings["GRU"])
                                 for seed in (1, 2, 3))]
    print(f"{name}: {part.vocab_size:,} distinct; %.2f bits a character, %.1f"
          f" for {len(verse)} characters" % tuple(np.median(bits, axis=0)))

# %% [markdown]
# ## Common mistakes
#
# **Compared by epochs.**

# %% [markdown]
# **The mask forgotten.**

# %%
Layer.causal = False
model, marks = train(1, corpus, *settings["Transformer"])
last = losses(model, windows(held_out_ids, 65))[64 - len(held_out_ids):]
print(f"{marks[-1, 2]:.3f}, and at the end {last.mean().asscalar():.3f}")
