# %% [markdown]
# # Long short-term memory
#
# Can a network have a line on which memory travels untouched? A long
# short-term memory (LSTM) has a second state beside the hidden state: the
# memory cell. The network writes to it, erases it and reads it through gates,
# and nothing else changes it.
#
# After this lesson you can
#
# * write an LSTM from its equations, and choose the weights of a unit by hand
#   so that it counts brackets;
# * say what the gates do at the start of training, and measure whether a
#   forget bias helps;
# * find out by a test at the limits whether hidden state and memory cell have
#   changed places.
#
# You need the lesson on [gated recurrent units](gru.py), which says why a
# gate helps a gradient. On two CPU cores this lesson takes five to ten
# minutes. The letters are those of the [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import nd
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## A line for the memory
#
# In a plain network one vector has two jobs: it carries what is to be
# remembered, and it is what the output layer reads. What is needed a hundred
# steps from now has to survive a hundred matrix products, and is shown all
# the while to an output layer that has no use for it yet.
#
# The LSTM separates the jobs. The memory cell $\mathbf{C}_t$ carries; the
# hidden state $\mathbf{H}_t$ shows. Three gates with values between 0 and 1
# control the traffic. They are computed alike, from the input and the hidden
# state: the input gate
#
# $$\mathbf{I}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xi}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hi} + \mathbf{b}_i),$$
#
# the forget gate
#
# $$\mathbf{F}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xf}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hf} + \mathbf{b}_f),$$
#
# and the output gate
#
# $$\mathbf{O}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xo}
#   + \mathbf{H}_{t-1} \mathbf{W}_{ho} + \mathbf{b}_o).$$
#
# What could be written into the memory is the candidate
#
# $$\tilde{\mathbf{C}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xc}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hc} + \mathbf{b}_c).$$
#
# The forget gate says how much of the old memory stays, the input gate how
# much of the candidate is added:
#
# $$\mathbf{C}_t = \mathbf{F}_t \odot \mathbf{C}_{t-1}
#   + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t.$$
#
# The output gate says how much of the memory is shown:
#
# $$\mathbf{H}_t = \mathbf{O}_t \odot \tanh(\mathbf{C}_t).$$
#
# ```{figure} /figures/lstm.svg
# :name: fig-lstm
# :alt: The data flow of one step of a long short-term memory.
#
# One step of an LSTM. The memory cell runs along the top: it is multiplied by
# the forget gate and added to, but never multiplied by a weight matrix.
# ```
#
# Along the top of {numref}`fig-lstm` the gradient of $\mathbf{C}_t$ with
# respect to $\mathbf{C}_{t-1}$ is $\mathbf{F}_t$, element by element (the
# path through $\mathbf{H}_{t-1}$ and the gates is left out here). A GRU has
# one gate $\mathbf{Z}_t$ for keeping and $1 - \mathbf{Z}_t$ for writing; here
# both are free, so the memory can also add up.
#
# ## Parameters
#
# Three gates and a candidate make four sets of weights, so the recurrent
# layer has four times the parameters of a plain one.


# %%
def get_lstm_params(vocab_size, num_hiddens, ctx=None):
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def three():
        return (normal((vocab_size, num_hiddens)),
                normal((num_hiddens, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xi, W_hi, b_i = three()  # the input gate
    W_xf, W_hf, b_f = three()  # the forget gate
    W_xo, W_ho, b_o = three()  # the output gate
    W_xc, W_hc, b_c = three()  # the candidate memory cell
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
              W_xc, W_hc, b_c, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


# %%
num_hiddens, num_steps = 256, 35
for get in (d2l.get_params, d2l.get_gru_params, get_lstm_params):
    params = get(vocab_size, num_hiddens, ctx)
    size = sum(param.size for param in params[:-2])
    print(f"{get.__name__:<14} {size:,} in the recurrent layer")

# %% [markdown]
# ## The model
#
# The state is now two arrays, $\mathbf{H}$ and $\mathbf{C}$. Only
# $\mathbf{H}$ reaches the output layer.


# %%
def init_lstm_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),
            nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx))


def lstm(inputs, state, params):
    (W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
     W_xc, W_hc, b_c, W_hq, b_q) = params
    H, C = state
    outputs = []
    for X in inputs:
        I = nd.sigmoid(nd.dot(X, W_xi) + nd.dot(H, W_hi) + b_i)
        F = nd.sigmoid(nd.dot(X, W_xf) + nd.dot(H, W_hf) + b_f)
        O = nd.sigmoid(nd.dot(X, W_xo) + nd.dot(H, W_ho) + b_o)
        C_tilde = nd.tanh(nd.dot(X, W_xc) + nd.dot(H, W_hc) + b_c)
        C = F * C + I * C_tilde
        H = O * nd.tanh(C)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H, C)


# %% [markdown]
# ## Weights chosen by hand: a unit that counts brackets
#
# What are the gates for? Let us choose the weights of a single unit so that
# its memory is the number of open brackets. It reads one-hot vectors of three
# characters. With weights of 20, -20 and 0, a gate is as good as 1 or 0, and
# the candidate as good as 1, -1 or 0:
#
# | read | `(` | `)` | `a` | so that |
# |---|---:|---:|---:|---|
# | input gate $i_t$ | 1 | 1 | 0 | only brackets are written down |
# | forget gate $f_t$ | 1 | 1 | 1 | nothing is erased |
# | output gate $o_t$ | 0 | 0 | 1 | letters are told the depth |
# | candidate $\tilde c_t$ | 1 | -1 | 0 | one more, or one fewer |
#
# At the second bracket of `(a(` the memory is
# $c_t = 1 \cdot 1 + 1 \cdot 1 = 2$; at the letter after it
# $c_t = 1 \cdot 2 + 0 \cdot 0 = 2$ and $h_t = 1 \cdot \tanh(2) = 0.96$.
# However many letters follow, the 2 stays: this is the line on which memory
# travels untouched. The state of a plain network or of a GRU, always between
# -1 and 1, never reaches a 2.

# %%
zero, one, text = nd.zeros((1, 1)), nd.ones((1, 1)), "(a(aa)a)"
print("b_f  ", *(f"{char:>5}" for char in text))
for b_f in (20, 0):
    by_hand, state, states = [], (zero, zero), []
    for weights, bias in (([20, 20, -20], 0), ([0, 0, 0], b_f),
                          ([-20, -20, 20], 0), ([20, -20, 0], 0)):
        by_hand += [nd.array(weights).reshape((3, 1)), zero, nd.array([bias])]
    for char in text:
        X = nd.one_hot(nd.array(["()a".index(char)]), 3)
        _, state = lstm([X], state, [*by_hand, one, zero[0]])
        states.append([round(float(a.asscalar()), 2) for a in state])
    for name, row in zip("hc", zip(*states, strict=True), strict=True):
        print(f"{b_f:3} {name}", *(f"{number + 0:5.2f}" for number in row))
    assert (row == (1, 1, 2, 2, 2, 1, 1, 0)) == (b_f == 20)

# %% [markdown]
# With $b_f = 0$ the forget gate is one half at every step, and the count is
# lost: at the second bracket the memory is
# $0.5 \cdot 0.5 + 1 \cdot 1 = 1.25$, and two letters later 0.31.
#
# ## At the start, every gate is half open
#
# Training begins just there: with weights near 0, so that each gate is near
# $\sigma(0) = 1/2$. Let us look at the forget gate over the first 35
# characters of the text, before any training, and at what the product of its
# values leaves of a memory after them.


# %%
def read_line(params, bias):
    W_xf, W_hf, b_f = params[3], params[4], params[5] + bias
    (H, C), steps = init_lstm_state(1, num_hiddens, ctx), []
    for X in inputs:
        F = nd.sigmoid(nd.dot(X, W_xf) + nd.dot(H, W_hf) + b_f)
        _, (H, C) = lstm([X], (H, C), [*params[:5], b_f, *params[6:]])
        steps.append((F, C))
    return [nd.concat(*a, dim=0).asnumpy() for a in zip(*steps, strict=True)]


inputs = d2l.to_onehot(nd.array([corpus_indices[:num_steps]], ctx=ctx),
                       vocab_size)
for bias in (2, 1, 0):
    F, _ = read_line(params, bias)
    print(f"forget bias {bias}: gates from {F.min():.2f} to {F.max():.2f}; "
          f"of a memory, {F.prod(axis=0).mean():.0e} is left")
assert 0.4 < F.min() < F.max() < 0.6

# %% [markdown]
# With a bias of 0 the memory is halved at each step. To keep more, the model
# has to learn to open the gate, or can start with the gate further open:
# `CharRNN` begins with a forget bias of 1, which forgets more slowly, but
# still long before the 35 characters end.
#
# ## What a forget bias is worth
#
# On 1,000 characters, with 64 hidden units, the same LSTM starts with a
# forget bias of 0, 1 and 2, with five seeds each, and trains for 40 epochs.


# %%
def five_seeds(name, cell, bias):
    def get_biased_params(*sizes):
        params = get_lstm_params(*sizes)
        params[5][:] = bias
        return params

    ends = []
    for seed in range(1, 6):
        d2l.seed(seed)
        ends.append(d2l.train_and_predict_rnn(
            cell, get_biased_params, init_lstm_state, 64, vocab_size, ctx,
            corpus_indices[:1000], idx_to_char, char_to_idx,
            is_random_iter=False, num_epochs=d2l.epochs(40), num_steps=10,
            lr=1e2, clipping_theta=1e-2, batch_size=8, pred_period=999,
            pred_len=1, prefixes=[])[-1]["perplexity"])
    print(f"{name}forget bias {bias}: median perplexity "
          f"{sorted(ends)[2]:.1f}, from {min(ends):.1f} to {max(ends):.1f}")


for bias in (0, 1, 2):
    five_seeds("", lstm, bias)

# %% [markdown]
# When we ran this, on the Jay Chou lyrics and on those that come with the
# package, a larger forget bias gave a larger, so worse, median: in these 40
# epochs the network learned later. On the lyrics that come with the package,
# the unigram guess is at 197, so with a bias of 2 the network has hardly
# begun. This tells how soon learning starts, not how long a memory lasts; [a
# task that asks for memory](long_memory.py) follows. Jozefowicz et al. (2015)
# found that a bias of 1 helped in their tasks, and [recurrent cells by
# hand](numpy_rnn.py) measures how much further the gradient reaches.
#
# ## A common mistake: H and C change places
#
# Both states have the same shape. If their order is mistaken, no error is
# raised: here the step returns $\mathbf{H}$ first, and the loop takes it for
# $\mathbf{C}$.

# %%
def swapped(inputs, state, params):
    outputs = []
    for X in inputs:
        (Y,), (C, H) = lstm([X], state, params)  # it returns H, C
        state = H, C
        outputs.append(Y)
    return outputs, state


five_seeds("swapped, ", swapped, 0)

# %% [markdown]
# When we ran this, the two ranges of bias 0 overlapped on both texts, the Jay
# Chou lyrics and those that come with the package; on the latter the median
# of the swapped model was the worse one. A perplexity does not give the
# mistake away unless the right model stands beside it. A test at the limits
# does: if the forget gate is open and the input gate shut, a memory has to
# stay. With the mistake, only $\mathbf{O}_t \odot \tanh(\mathbf{C}_t)$ is
# kept at each step, about half or less.

# %%
limits = list(params)
limits[2], limits[5] = params[2] - 50, params[5] + 50  # b_i, b_f
C, left = nd.random.normal(shape=(1, num_hiddens), ctx=ctx), {}
for cell in (lstm, swapped):
    _, (_, C_last) = cell(inputs, (nd.zeros_like(C), C), limits)
    left[cell] = (C_last.norm() / C.norm()).asscalar()
print(f"of a memory, {left[lstm]:.0%} is left after {num_steps} steps, with "
      f"the mistake {left[swapped]:.0e}")
assert left[lstm] == 1 > 1e-6 > left[swapped]

# %% [markdown]
# ## Training
#
# Now the book's settings, with a forget bias of 0.

# %%
num_epochs, batch_size, lr, clipping_theta = d2l.epochs(160), 32, 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(40), 50, ["分开", "不分开"]
d2l.seed(seed)
params = get_lstm_params(vocab_size, num_hiddens, ctx)
histories = {"LSTM from scratch": d2l.train_and_predict_rnn(
    lstm, lambda: params, init_lstm_state, num_hiddens, vocab_size, ctx,
    corpus_indices, idx_to_char, char_to_idx, False, num_epochs, num_steps,
    lr, clipping_theta, batch_size, pred_period, pred_len, prefixes)}

# %% [markdown]
# Has it learned to hold on? Read the same characters again, and find for each
# unit the longest stretch of steps that leaves at least half of a memory.


# %%
def steps_held(F):
    return max((k for k in range(1, num_steps + 1) for s in range(
        num_steps - k + 1) if F[s:s + k].prod() >= 0.5), default=0)


F, C = read_line(params, 0)
held = np.array([steps_held(unit) for unit in F.T])
line = "".join(idx_to_char[i] for i in corpus_indices[:num_steps])
print(f"half of a memory lasts {np.median(held):.0f} steps in the median "
      f"unit, {held.max()} in the best, over\n{line}")
best, figure = held.argsort()[-3:], d2l.new_figure((8, 4))
above, below = figure.subplots(2, 1, sharex=True)
above.plot(F[:, best])
below.plot(C[:, best])
above.set_ylabel("F")
below.set(ylabel="C", xlabel="step; the ticks mark the spaces", xticks=[
    t for t, char in enumerate(line) if char == " "])
figure

# %% [markdown]
# Before training, half of a memory lasted one step. The picture has the three
# units that hold longest: their forget gates above, their memories below.
# Where F is near 1, C keeps what it held, plus what is added; where F falls,
# the memory is erased. When we ran this on the lyrics that come with the
# package, one of the three had become what we made by hand, a counter: while
# its forget gate was open, its memory moved by about 1 at each step, down to
# -10 and up again, until it was erased near the end of the second line.
#
# ## The same in Gluon

# %%
d2l.seed(seed)
model = d2l.RNNModel(rnn_layers.LSTM(num_hiddens), vocab_size)
histories["LSTM in Gluon"] = d2l.train_and_predict_rnn_gluon(
    model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
    char_to_idx, num_epochs, num_steps, lr, clipping_theta, batch_size,
    pred_period, pred_len, prefixes)

# %% [markdown]
# ## Results

# %%
d2l.plot_perplexity(histories, corpus)

# %%
report = d2l.write_report("lstm", histories, corpus, {
    "seed": seed, "ctx": ctx, "num_hiddens": num_hiddens,
    "num_epochs": num_epochs, "num_steps": num_steps,
    "batch_size": batch_size, "lr": lr, "clipping_theta": clipping_theta})

# %% [markdown]
# With the Jay Chou lyrics, the recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- lstm -->
# :end-before: <!-- end of lstm -->
# ```
#
# That is higher than the [GRU's](gru.py) after as many epochs. But one seed
# proves little, and how fast a text is learned by heart does not say how
# long a memory lasts.
#
# ## Summary
#
# * The memory cell is added to and erased through gates, so it can count.
#   Along it a gradient is multiplied by the forget gate alone.
# * At the start every gate is near one half, which forgets within a few
#   steps. A larger forget bias keeps more; it does not help in every task.
# * States of equal shape can change places, and training may not show it; a
#   test at the limits does.
#
# ## Exercises
#
# 1. (\*) Which gates have to change, and at which character, so that any `)`
#    sets the count of brackets to 0?
# 2. (\*) Close this page and write `lstm` from its equations.
#    `d2l.check("lstm", 2, lstm)` says what differs.
# 3. (\*) The candidate is between -1 and 1 already. How large can the memory
#    be after $t$ steps, and what does the second tanh spare the next step?
# 4. (\*\*) A one-hot input only looks up a row of its weights. How many
#    multiplications do the products of a step take in each of the three
#    cells, with the output layer? Do the seconds per epoch have the same
#    proportions?
# 5. (\*\*\*) Tie the gates: let the input gate be $1 - \mathbf{F}_t$. What
#    does this save, and what does it cost in perplexity, with five seeds?
#
# ## Further reading
#
# * *Dive into Deep Learning*: section 6.8 of the first Chinese edition,
#   section 9.2 of the second.
# * S. Hochreiter and J. Schmidhuber, *Long Short-Term Memory*, 1997: without
#   a forget gate.
# * F. A. Gers, J. Schmidhuber and F. Cummins, *Learning to Forget: Continual
#   Prediction with LSTM*, 2000: the forget gate.
# * R. Jozefowicz, W. Zaremba and I. Sutskever, *An Empirical Exploration of
#   Recurrent Network Architectures*, 2015: a forget bias of 1.
# * C. Olah, *Understanding LSTM Networks*, 2015: the figures many know.
# * G. Weiss, Y. Goldberg and E. Yahav, *On the Practical Computational Power
#   of Finite Precision RNNs for Language Recognition*, 2018: LSTMs count.
#
# Next: [when gates win](long_memory.py).
