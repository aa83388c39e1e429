# %% [markdown]
# # Which should you take?
#
# You have one text, one machine and an evening. There are half a dozen ways
# to predict the next character, and every paper has a table in which its own
# model wins. What such a table seldom has is the same text, the same number
# of parameters and the same *time* for all. This lesson makes one that has.
# It also writes the model that chapter 6 of the book does not have: a small
# Transformer.
#
# After this lesson you can
#
# * write a Transformer in Gluon, and test that it does not look ahead;
# * compare models after equal times, with several seeds, and say what your
#   table does not show;
# * say why bits a character in Chinese and in English cannot be compared as
#   they stand.
#
# You need [char-RNN](char_rnn.py); [a window or a memory?](shakespeare.py)
# has the model of windows, and [recurrent networks that train in
# parallel](parallel_scan.py) the minGRU. On one core the lesson takes about
# six minutes. The letters are those of the [notation](/notation.md); $d$ and
# the letters of attention have their meaning in this lesson alone.

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
# ## Look back, instead of remembering
#
# A recurrent network hands a state from step to step. Whatever will be needed
# later has to fit into this one vector, and to survive every step on the way.
# *Attention* hands on nothing. It keeps vectors for each character so far,
# and at every position it looks through all of them.
#
# ```{figure} /figures/looking_back.svg
# :name: fig-looking-back
# :alt: Above, a chain of states; below, one position reads three values.
#
# Above: a state reads its input and the state before it. Below: the third
# position compares its query with three keys, and reads their values by the
# weights shown as bars. What comes later (dashed) has the weight 0.
# ```
#
# In {numref}`fig-looking-back` each position $t$ makes three things of its
# input, by a matrix each: a *query* $q_t$, which says what it looks for; a
# *key* $k_t$, by which others can find it; and a *value* $v_t$, which they
# then read. The more a key agrees with the query, the larger is its weight.
# The weights are a softmax over the positions up to $t$:
#
# $$\begin{gathered} \alpha_{ts} = \frac{\exp(q_t \cdot k_s / \sqrt d)}
#   {\sum_{r \le t} \exp(q_t \cdot k_r / \sqrt d)}, \qquad s \le t, \\
#   h_t = \sum_{s \le t} \alpha_{ts} v_s. \end{gathered}$$
#
# Queries and keys are vectors of $d$ numbers, and the dot is their inner
# product. If the numbers are independent, with mean 0 and variance 1, each
# product of two has mean 0 and variance 1 as well. The inner product is a sum
# of $d$ of them, so its standard deviation is $\sqrt d$: the root brings it
# back to 1. Without it, for a large $d$, the softmax would soon give
# everything to one position, and hardly any gradient would come through. The
# condition $s \le t$ is the *causal mask*. In code, a billion is subtracted
# from the scores of all later positions, which makes their weights exactly 0.
# (Where attention came from: [after recurrent networks](/after_rnns.md).)


# %%
def attention(Q, K, V, causal):  # (n, num_heads, T, d)
    T, d = Q.shape[2:]
    scores = nd.linalg.gemm2(Q, K, transpose_b=True) / d ** 0.5
    if causal:
        later = np.triu(np.full((1, 1, T, T), 1e9), k=1)
        scores = nd.broadcast_minus(scores, nd.array(later))
    return nd.linalg.gemm2(nd.softmax(scores), V)


# %% [markdown]
# By hand, with $d = 1$, as in the figure: let all queries be 1, the keys $0,
# 0, \ln 2$, and the values $8, 4, 2$. The third position compares $e^0, e^0,
# e^{\ln 2}$, which are $1, 1, 2$. So the weights are $1/4, 1/4, 1/2$, and it
# reads $8/4 + 4/4 + 2/2 = 4$. To the second, two keys are alike: it reads
# $8/2 + 4/2 = 6$. The first sees itself alone: 8. Without the mask, all three
# would read 4.

# %%
Q, K, V = nd.array([[1, 1, 1], [0, 0, np.log(2)], [8, 4, 2]]).reshape(
    (3, 1, 1, 3, 1))
for causal, H in ((True, [8, 6, 4]), (False, [4, 4, 4])):
    print(causal, read := attention(Q, K, V, causal).asnumpy().reshape(-1))
    assert np.allclose(read, H)

# %% [markdown]
# ## A small Transformer
#
# Attention alone is no network: it only mixes what is there, by weights that
# sum to 1. Vaswani et al. (2017) put five things around it. Four of them
# make a layer:
#
# * *Heads.* Each layer looks back four times at once, with a quarter of the
#   vector each. What they read is joined, and multiplied by a matrix. In code
#   the heads are one more axis: `reshape` cuts what `qkv` computes for a
#   position into three times four vectors.
# * *A feed-forward network*: two layers with a ReLU between them, which work
#   on each position by itself.
# * *Residual connections.* Both of these add to what came in, and do not
#   replace it. So the gradient has a way down on which nothing is multiplied:
#   the line of the [LSTM](lstm.py)'s memory, turned upright, and without a
#   forget gate.
# * *Layer normalisation*, which [char-RNN](char_rnn.py) has. Here it stands
#   before each of the two, not after the sum as in 2017; so the learning rate
#   need not begin near 0 (Xiong et al. 2020).


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
# The fifth: a sum does not know the order of its terms, so each *position* of
# the window has a vector of its own, which is learned and added to that of
# the character. There are `Tx` of them, and the model cannot look further
# back. It carries no state: `begin_state` returns `()`, as that of
# `WindowLSTM` does, and the scores come one step below another, as those of
# `CharRNN` do. So one loop can train them all.


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
# Does it look ahead? Let it read two lines that differ in their last three
# characters. The scores before must be the same, the others must not.

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
# *One text.* The sonnets that ship; the last tenth is held out. Every model
# predicts each held-out character once, from what stands before it. Of each
# piece of 64 only the last ten predictions count, so they are made from 55 to
# 64 characters; the model of windows always reads 40. Every piece begins with
# a state of zeros; that a `CharRNN` can [carry its state on](shakespeare.py)
# is not used here.
#
# *One size.* About 110,000 parameters each.
#
# *One effort.* Adam, gradients clipped at norm 1, mini-batches of 16 pieces
# of 64 characters (of 64 windows of 40). Before this run each model was tried
# with seed 0, at learning rates of 0.003 and 0.01, without dropout and with
# 0.2; the best of the four is below. The Transformer had a few more tries,
# for the scale of its first embeddings: they are now drawn with standard
# deviation 1, as in `CharRNN`.
#
# *One time.* Ten seconds of training each. `time.process_time` counts the
# seconds that the processor has worked for this process, on all its cores
# together, so other programs hardly disturb it. The time that measuring takes
# is not counted. A model is measured ten times, more often at the beginning,
# and the best of the ten counts. (This choice sees the held-out text, and so
# do those of the learning rate and the dropout, and below that of the length
# of the n-grams. All are treated alike, but a model that overfits before the
# end gains more by it, and all numbers are a little too good.)


# %%
def losses(model, pieces):  # (n, T + 1)
    Y, _ = model(nd.array(pieces[:, :-1]), model.begin_state(len(pieces)))
    y = pieces[:, 1:].T.reshape(-1)[-len(Y):]
    return -nd.pick(nd.log_softmax(Y), nd.array(y))


# %% [markdown]
# The scores come one step below another, so the labels are laid out in the
# same way; the model of windows scores the last step alone. Below, `judged`
# is the held-out text in pieces that overlap: the characters that count in
# one follow those that count in the one before. `backward` takes the gradient
# of the sum of all losses, so the limit of its norm and the divisor of the
# step are their number.

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
        if spent >= seconds * ((len(marks) + 1) / num_marks) ** 2:
            nats = losses(model, judged)[-last * len(judged):].mean()
            marks.append((spent, num_chars, nats.asscalar()))
            start = time.process_time() - spent
    return model, np.array(marks)


# %% [markdown]
# ## The table
#
# Each row: parameters; held-out nats, the median of three seeds and their
# range; after how many seconds the median was best; characters predicted in
# a second of training; characters read one after another in a second, as in
# writing. For that, a recurrent model reads the one new character, and the
# other two read their whole window again. (The model of windows does so in
# two operators, and a step as small as these costs mostly the
# [calls](making_it_fast.py). A Transformer can keep the keys and values of
# what it has read; ours does not. And `d2l.generate` runs a `CharRNN` faster
# than this loop does.) The last column comes under "Common mistakes".

# %%
settings = {
    "windows": (d2l.WindowLSTM, 1e-2, 84, 0.0, 40),
    "Transformer": (Transformer, 1e-2, 64, 2, 0.0, 64),
    "minGRU, 2 layers": (d2l.CharRNN, 3e-3, 64, 190, 2, "mingru", 0.0),
    "RNN": (d2l.CharRNN, 3e-3, 64, 270, 1, "rnn", 0.2),
    "GRU": (d2l.CharRNN, 3e-3, 64, 150, 1, "gru", 0.2),
    "LSTM": (d2l.CharRNN, 1e-2, 64, 128, 1, "lstm", 0.2),
    "LSTM, 2 layers": (d2l.CharRNN, 1e-2, 64, 80, 2, "lstm", 0.2)}
runs, best = {}, {}
print(f"{'':17}weights  nats, three seeds          at  trains writes  early")
for name, setting in settings.items():
    trained = [train(seed, corpus, *setting) for seed in (1, 2, 3)]
    model, runs[name] = trained[0][0], np.array([m for _, m in trained])
    T = {Transformer: 64, d2l.WindowLSTM: 40, d2l.CharRNN: 1}[setting[0]]
    X, state, start = [train_ids[:T]], None, time.process_time()
    for _ in range(100):
        Y, state = model(nd.array(X), state or model.begin_state(1))
        Y.wait_to_read()
    writes = 100 / (time.process_time() - start)
    least, best[name], most = np.sort(runs[name][:, :, 2].min(axis=1))
    spent, num_chars, nats = np.median(runs[name], axis=0).T
    early = np.interp(np.median(runs["windows"][:, -1, 1]), num_chars, nats)
    size = sum(p.data().size for p in model.collect_params().values())
    print(f"{name:<17}{size:,}  {best[name]:.3f} ({least:.3f} to {most:.3f})"
          f"{spent[nats.argmin()]:5.1f} s{num_chars[-1] / spent[-1]:8,.0f}"
          f"{writes:7,.0f}{early:7.3f}")

# %% [markdown]
# And the oldest model, which [counts](language_models.py), on the same
# characters:


# %%
def ngram_perplexity(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    *_, p = d2l.ngram_probabilities(corpus_indices, n, vocab_size, held_out,
                                    smooth)
    with np.errstate(divide="ignore"):  # log(0) is -inf
        return d2l.perplexity(-np.log(p).mean())


ngrams = [np.log(ngram_perplexity(train_ids, n, corpus.vocab_size,
                                  held_out_ids)) for n in range(1, 7)]
print("nats of n-grams, from n = 1:", np.round(ngrams, 3))
assert seconds < 10 or best["GRU"] < min(ngrams) < best["Transformer"]

# %%
axes = d2l.new_figure((8, 4.5)).subplots()
for i, (name, run) in enumerate(runs.items()):
    axes.plot(run[:, :, 0], run[:, :, 2], f"C{i}.", markersize=4)
    axes.plot(*np.median(run, axis=0).T[::2], f"C{i}", label=name)
axes.axhline(min(ngrams), color="0.3", ls=":", label="best n-grams")
axes.set(xlabel="seconds of one core", ylabel="held-out nats")
axes.legend(fontsize="small", ncols=2)
axes.figure

# %% [markdown]
# Dots are seeds, lines their medians. In our run the GRU and the LSTM were
# first, a second layer gained nothing, and the plain RNN was a little behind.
# Then came counting, which beat three of the seven.
#
# Which of these places mean something? The range of the GRU, 1.672 to 1.674,
# lies within that of the LSTM, 1.667 to 1.687: our seeds do not say which of
# the two is better. The LSTM with two layers, 1.686 to 1.700, overlaps with
# the LSTM, by a hair, but not with the GRU. No other two ranges overlap. (And
# with three seeds, a range is itself a rough guess.) Three sentences of
# advice:
#
# 1. Count n-grams first; a model that does not get below them has not earned
#    its place yet.
# 2. For a small text and a few seconds of one core, take a GRU or an LSTM
#    with one layer, and do not fret about which.
# 3. If it is to write on a CPU, take them too: a model with a state reads one
#    character for each that it writes, and both wrote several times as fast
#    as the Transformer.
#
# Now for what the table does *not* show.
#
# * *A larger text.* This one has about 30,000 characters. Transformers have
#   earned their fame on texts that are longer by many orders of magnitude
#   (Radford et al. 2019).
# * *More time.* The Transformer's line still falls when its time is up. For
#   some seconds it is nearly flat, just above the nats of 2-grams: the model
#   knows which character follows which, and has not found out yet how to use
#   what is further back. A recurrent network need not find out that the last
#   characters matter most; it is built that way.
# * *Other machines.* One core does one thing after another. The Transformer
#   can compute all positions of a piece at once, and on a GPU it would gain
#   more than the models that go step by step. So would the minGRU, but only
#   with a [parallel scan](parallel_scan.py): then a layer reads a piece in
#   one pass, of $\log_2 64 = 6$ levels, and not in a loop over 64 steps. Here
#   it ran as a loop, as all of `CharRNN` does on a CPU: ten seconds of one
#   core do not show what it was made for.
# * *Other code.* Seconds measure a program, not only an idea. Each layer of
#   the RNN, the GRU and the LSTM is one operator of MXNet, and the minGRU's
#   is the package's own, in NumPy; our attention is a dozen calls from
#   Python, and `hybridize` joins only the parts around it.
# * *More tuning.* Four tries are few, and the widths are whatever gives
#   110,000 parameters. Six layers, a warm-up of the learning rate, or a
#   schedule could change places in the table.

# %% [markdown]
# ## Chinese beside English
#
# The same GRU, for the same time, on 17,000 characters of the Chinese lyrics
# that ship, and of the sonnets; a tenth is held out. Afterwards it reads two
# lines that it has not trained on. They say the same in both languages.

# %%
both = {"lyrics": "雨落在旧屋檐\n灯亮在窗边\n",
        "sonnets": "Rain falls on old eaves,\nA lamp burns by the window,\n"}
for name, verse in both.items():
    part = d2l.load_corpus(f"original_{name}.txt", num_chars=17_000)
    read = np.array([[part.char_to_idx[char] for char in "\n" + verse]])
    bits = [(marks[:, 2].min() / np.log(2),
             losses(model, read).sum().asscalar() / np.log(2))
            for model, marks in (train(seed, part, *settings["GRU"])
                                 for seed in (1, 2, 3))]
    print(f"{name}, {part.vocab_size:,} distinct: %.2f bits a character, and "
          f"%.0f for {len(verse)} characters" % tuple(np.median(bits, 0)))

# %% [markdown]
# Is English better modelled, since it takes a third of the bits? The numbers
# cannot say. A letter is a small part of a word, and often follows from the
# ones before; a Chinese character is most of a word, or all of it, out of
# well over a thousand. The two lines take four times as many letters as
# characters, and of the bits for both lines it was now the Chinese that took
# fewer. Even that is no result:
#
# * Two lines are two lines. To compare languages, one needs long texts of the
#   same content in each, and compares the bits of the whole (Cotterell et al.
#   2018). The lyrics and the sonnets are no such texts.
# * Some of the held-out Chinese characters occur nowhere in the training
#   text. They all count as one id, that of a character which training never
#   saw and which the model has learned never to expect, so each costs many
#   bits. The sonnets have no such character.
# * In the same ten seconds, the Chinese model took fewer steps: its embedding
#   and its output layer are thirty times as large, and all of it is four
#   times as large. And 15,000 characters are more of a text in Chinese, but
#   with few examples of each character.
#
# And the first advice? On the sonnets it is as before: the best n-grams, with
# $n = 4$, need 2.79 bits a character (the solution of exercise 4 counts
# them), and the GRU 2.68. On the lyrics, counting wins: pairs of characters
# need 8.34 bits, and the GRU 8.54. Of the 8.34, 0.9 go to the characters that
# training never saw, 6 % of those held out: pairs pay 15 bits for each.
# Whether the GRU loses more on them or on the others, this lesson does not
# measure.
#
# What can be concluded? Within one text and one vocabulary, fewer bits a
# character is better. Across languages, a smaller number by itself says
# nothing.

# %% [markdown]
# ## Common mistakes
#
# **Compared by epochs.** The last column of the table has each model's nats
# after equally many predictions: as many as the model of windows made in its
# ten seconds, which is less than one epoch. By this column, windows are the
# best model; by time they are the worst. For each character that it predicts,
# this model reads forty. It takes a step of Adam for every 64 predictions,
# the others for every 1,024, so it has taken sixteen times as many steps. And
# it took the whole ten seconds for these predictions; the others had made as
# many in less than one. To compare by epochs is to give each model as many
# steps and as much time as it likes.
#
# **The mask forgotten.** Then each position sees its answer, which is the
# next character of the piece. The held-out text does not give the mistake
# away: there, too, the answers are in the piece. Only the last position of a
# piece has nothing after it, and all writing happens there.

# %%
Layer.causal = False
model, marks = train(1, corpus, *settings["Transformer"])
last = losses(model, windows(held_out_ids, 65))[64 - len(held_out_ids):]
last = last.mean().asscalar()
print(f"held out {marks[-1, 2]:.3f} nats, and {last:.3f} at the end")
assert seconds < 10 or marks[-1, 2] < 0.5 < best["Transformer"] < last

# %% [markdown]
# Of the ten predictions that count in each piece, nine can be copied. At the
# end, where the model has to predict, it is far behind the one with the mask.
# So a loss that falls to nearly nothing is no good news, and the test above,
# with its two lines of text, is worth its six lines of code.
#
# ## Summary
#
# * Attention weighs the values of all positions so far by how well their keys
#   agree with a query. A Transformer is layers of it, with feed-forward
#   networks, residual connections, normalisation and positions.
# * Compare after equal time, on the same held-out characters, with several
#   seeds and as many tries for each model; and put counting into the table.
# * Bits a character belong to a text and its vocabulary. Two languages are
#   compared by the bits of the same content, if at all.
#
# ## Exercises
#
# 1. (\*) A fourth character joins the example by hand, with $q_4 = 1$, $k_4 =
#    \ln 4$ and $v_4 = 0$. What does it read, and what do the others read now?
# 2. (\*) How many parameters does a `Transformer` have with $h$ units, $L$
#    layers, $V$ characters and `Tx` = 64? Where are most of them?
# 3. (\*\*) Set all `positions` to zero, and exchange two characters far
#    before the end of a piece. Do the scores at the end change, with one
#    layer and with two? Why?
# 4. (\*\*) Measure the lyrics and the sonnets in bits a *byte*. What is left
#    of the difference, and what does that say?
# 5. (\*\*\*) Write with the Transformer as with a recurrent network: keep the
#    keys and values of each layer, so that a new character costs one row. Its
#    scores must be those of the whole model.
#
# ## Further reading
#
# * A. Vaswani et al., *Attention Is All You Need*, 2017.
# * A. Radford et al., *Language Models are Unsupervised Multitask Learners*,
#   2019: GPT-2, with the normalisation before, as here.
# * R. Xiong et al., *On Layer Normalization in the Transformer Architecture*,
#   2020.
# * L. Feng et al., *Were RNNs All We Needed?*, 2024: minimal recurrent cells
#   beside a Transformer.
# * R. Cotterell et al., *Are All Languages Equally Hard to Language-Model?*,
#   2018.
#
# In the book, attention is section 10.11 of the first edition and chapter 10
# of the second, which has the Transformer in 10.7. Next:
# [debugging](debugging.py).
