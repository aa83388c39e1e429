# %% [markdown]
# # Solutions: long short-term memory
#
# The exercises are at the end of `lstm.py`. In a notebook of that lesson the
# code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
from mxnet import nd

ctx = d2l.try_gpu()
corpus_indices, char_to_idx, idx_to_char, vocab_size = (
    d2l.load_data_jay_lyrics())

# %% [markdown]
# ## 1
#
# Nothing of the old memory may stay at `)`, and nothing may be written.
#
# ### Solution
#
# Two gates have to be shut at `)`: the forget gate, so that the old count
# goes, and the input gate, so that the candidate, -1, is not written. The
# forget gate keeps its bias of 20 and gets a weight of -40 for `)`; the
# weight of the input gate for `)` becomes -20. With the forget gate alone the
# memory would be -1.


# %%
zero, one = nd.zeros((1, 1)), nd.ones((1, 1))


def memories(text, gates):
    """Return the memory after each character of a text, of a single unit.

    ``gates`` has weights and bias of input, forget and output gate and of the
    candidate.
    """
    by_hand, state, C = [], (zero, zero), []
    for weights, bias in gates:
        by_hand += [nd.array(weights).reshape((3, 1)), zero, nd.array([bias])]
    for char in text:
        X = nd.one_hot(nd.array(["()a".index(char)]), 3)
        _, state = d2l.lstm([X], state, [*by_hand, one, zero[0]])
        C.append(round(float(state[1].asscalar()), 2))
    return C


reset = [([20, -20, -20], 0), ([0, -40, 0], 20), ([-20, -20, 20], 0),
         ([20, -20, 0], 0)]
assert memories("(a(a)a(", reset) == [1, 1, 2, 2, 0, 0, 1]
assert memories("((a)", [([20, 20, -20], 0), *reset[1:]])[-1] == -1

# %% [markdown]
# ## 2
#
# Before the loop, unpack the fourteen parameters, and the state by `H, C =
# state`. In the loop, each of the six equations is one line; the last two
# need the first four.
#
# ### Solution
#
# `d2l.check` compares scores, both states and gradients with those of the
# package, for arrays of random sizes. The definition in this lesson passes:

# %%
assert d2l.check("lstm", 2, d2l.lstm)

# %% [markdown]
# ## 3
#
# Every step multiplies the old memory by at most 1, and adds at most 1.
#
# ### Solution
#
# Each step adds less than 1 to the size of the memory, so after $t$ steps it
# is below $t$, and with open gates it comes as close to $t$ as you like: it
# counts. The second tanh keeps $\mathbf{H}_t$ between -1 and 1 all the same.
# Without it, a memory of 100 would enter all gates of the next step a hundred
# times as strongly as a memory of 1. It would force them fully open or shut,
# where $\sigma$ has next to no slope and the gradient is lost.

# %%
from mxnet import autograd

counting = [([20, 20, -20], 0), ([0, 0, 0], 20), ([20, 20, 20], 0),
            ([20, -20, 0], 0)]
assert memories("(" * 100, counting)[-1] == 100
C = nd.array([2, 100])
C.attach_grad()
with autograd.record():
    gate = C.sigmoid()
gate.backward()
print(f"slope of the sigmoid at 2: {C.grad[0].asscalar():.2f}, at 100: "
      f"{C.grad[1].asscalar():.2g}")
assert C.grad[0] > 0.1 and C.grad[1] < 1e-6

# %% [markdown]
# ## 4
#
# Only products with the state count: $h \cdot h$ for each gate or candidate,
# and $h \cdot q$ for the output layer, which all three have. A history has
# the `"seconds"` of each epoch; take the shortest of a few.
#
# ### Solution
#
# A plain network takes $h^2 + hq$, a GRU $3h^2 + hq$, an LSTM $4h^2 + hq$.
# With so many characters the output layer is the largest part of a plain
# network, so the LSTM takes well below four times as many. The measured
# seconds need not have the same proportions: the multiplications of the
# gates, the sigmoids and tanhs, and the start of each operation take time,
# too, and the backward pass goes through every step again.

# %%
h, cells = 256, {"plain": (d2l.rnn, d2l.get_params, d2l.init_rnn_state, 1),
                 "GRU": (d2l.gru, d2l.get_gru_params, d2l.init_gru_state, 3),
                 "LSTM": (d2l.lstm, d2l.get_lstm_params,
                          d2l.init_lstm_state, 4)}
products, seconds = {}, {}
for name, (cell, get_params, init_state, num_products) in cells.items():
    products[name] = num_products * h * h + h * vocab_size
    history = d2l.train_and_predict_rnn(
        cell, get_params, init_state, h, vocab_size, ctx,
        corpus_indices[:2500], idx_to_char, char_to_idx,
        is_random_iter=False, num_epochs=4, num_steps=35, lr=1e2,
        clipping_theta=1e-2, batch_size=32, pred_period=999, pred_len=1,
        prefixes=[])
    seconds[name] = min(record["seconds"] for record in history)
    print(f"{name:<5} {products[name]:>7,} multiplications, "
          f"{products[name] / products['plain']:.1f} times as many; "
          f"{seconds[name] / seconds['plain']:.1f} times the seconds")
assert h * vocab_size > h * h and products["LSTM"] < 2 * products["plain"]

# %% [markdown]
# ## 5
#
# $1 - \sigma(a) = \sigma(-a)$: an LSTM whose input gate has the parameters of
# the forget gate, with the opposite signs, is tied.
#
# ### Solution
#
# One of four sets of weights is saved, a quarter of the recurrent layer. The
# perplexities of five seeds, sorted, show what it costs on a short text. A
# cost smaller than the spread of the seeds cannot be told from chance, and
# here there is none at all: when we ran this, the tied cell had the lower
# median on the Jay Chou lyrics, and on those that come with the package it
# ended lower with every seed. But on the lyrics of the package 20 epochs
# hardly teach either cell anything (both stay above the unigram guess, 128),
# so this shows only that the tied cell starts no more slowly.
#
# Something else is lost for certain. The memory is now a mean of its old
# value and of the candidate, so it never leaves the range from -1 to 1, and
# cannot add one bracket to another. It is like the state of a GRU, seen
# through an output gate.


# %%
def tied(inputs, state, params):
    W_xf, W_hf, b_f = params[:3]
    return d2l.lstm(inputs, state, [-W_xf, -W_hf, -b_f, *params])


def get_tied_params(vocab_size, num_hiddens, ctx):
    return d2l.get_lstm_params(vocab_size, num_hiddens, ctx)[3:]


ends, sizes = {}, {}
for cell, get_params in ((d2l.lstm, d2l.get_lstm_params),
                         (tied, get_tied_params)):
    sizes[cell] = sum(p.size for p in get_params(vocab_size, 32, ctx)[:-2])
    ends[cell] = []
    for seed in range(1, 6):
        d2l.seed(seed)
        ends[cell].append(d2l.train_and_predict_rnn(
            cell, get_params, d2l.init_lstm_state, 32, vocab_size, ctx,
            corpus_indices[:500], idx_to_char, char_to_idx,
            is_random_iter=False, num_epochs=20, num_steps=10, lr=1e2,
            clipping_theta=1e-2, batch_size=8, pred_period=999, pred_len=1,
            prefixes=[])[-1]["perplexity"])
    print(f"{cell.__name__:<4}", *(f"{p:.1f}" for p in sorted(ends[cell])))
assert sizes[d2l.lstm] * 3 == sizes[tied] * 4
assert min(ends[tied]) < max(ends[d2l.lstm])
for seed in range(20):
    d2l.seed(seed)
    params = [nd.random.normal(scale=3, shape=param.shape)
              for param in get_tied_params(3, 4, ctx)]
    inputs = [nd.random.normal(shape=(1, 3)) for _ in range(9)]
    _, (_, C) = tied(inputs, (nd.zeros((1, 4)), nd.zeros((1, 4))), params)
    assert C.abs().max().asscalar() <= 1
