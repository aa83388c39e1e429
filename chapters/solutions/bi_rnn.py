# %% [markdown]
# # Solutions: bidirectional recurrent networks
#
# The exercises are at the end of `bi_rnn.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
import numpy as np
from mxnet import nd

ctx = d2l.try_gpu()


def who_reads_what(cell, state, params):
    X = d2l.to_onehot(nd.arange(5, ctx=ctx).reshape((1, 5)), 5)
    before, _ = cell(X, state, params)
    rows = [""] * len(X)
    for s in range(len(X)):
        blanked = [0 * x if s == t else x for t, x in enumerate(X)]
        after, _ = cell(blanked, state, params)
        for t, (Y, Y_new) in enumerate(zip(before, after, strict=True)):
            rows[t] += "#" if (Y != Y_new).sum().asscalar() else "."
    return rows


def large(params):  # small changes would be lost in rounding
    return [10 * param for param in params]


# %% [markdown]
# ## 1
#
# `bi`, `get_bi_params` and `init_bi_state` take the functions of any cell.
#
# ### Solution
#
# The second, that of both directions: every score reads every input. Which
# inputs a score can read depends on how the cells are wired. What a cell
# computes decides how much of them is left.

# %%
d2l.seed(1)
params = large(d2l.get_bi_params(d2l.get_gru_params)(5, 16, ctx))
state = d2l.init_bi_state(d2l.init_gru_state)(1, 16, ctx)
assert who_reads_what(d2l.bi(d2l.gru), state, params) == ["#####"] * 5

# %% [markdown]
# ## 2
#
# `bi` returns a function. Each cell gets its half of the parameters and of
# the state; the backward cell also gets the inputs in reverse.
#
# ### Solution
#
# `d2l.check` puts `d2l.rnn` into your `bi`, and compares scores, state and
# gradients. A list of scores in the wrong order has the right shapes and the
# wrong values. The definition in this lesson passes:

# %%
assert d2l.check("bi_rnn", 2, d2l.bi)

# %% [markdown]
# ## 3
#
# Change one character that is masked. Which of the network's inputs change?
#
# ### Solution
#
# None. The network reads the mask in place of the character, in both
# directions, so nothing that it reads depends on the answer. As a language
# model it reads the answer itself: the label of a step is the input of the
# next step. Only masked steps count in the loss, since at the others the
# answer is an input, too.

# %%
masked = nd.array([[0, 0, 1, 0, 0]], ctx=ctx)
one, other = (nd.array([ids], ctx=ctx) for ids in ([0, 1, 2, 3, 4],
                                                   [0, 1, 4, 3, 4]))
mask = nd.full((1, 5), 5, ctx=ctx)
inputs = [nd.where(masked, mask, ids).asnumpy() for ids in (one, other)]
assert (one != other).sum().asscalar() == 1
assert (inputs[0] == inputs[1]).all()

# %% [markdown]
# ## 4
#
# The inputs of the second layer's forward cell are the two states of the
# first layer at the same step. What have these read?
#
# ### Solution
#
# In the first layer the forward state at step t has read the inputs up to t:
# a triangle. In the second it reads, at every step up to t, a backward state
# of the first layer, and the one at step 1 has read everything. So its
# pattern is full, and so are all patterns above it. From the second layer on,
# forward and backward only name an order of reading.
#
# To see hidden states rather than scores, let the output layer of `d2l.rnn`
# be the identity:

# %%
h = 16
identity = [nd.eye(h, ctx=ctx), nd.zeros(h, ctx=ctx)]


def hidden_states(inputs, state, params):
    return d2l.rnn(inputs, state, [*params, *identity])


def second_forward(inputs, state, params):
    forward, _ = hidden_states(inputs, state, params[0])
    backward, _ = hidden_states(inputs[::-1], state, params[1])
    both = [nd.concat(H_f, H_b, dim=1) for H_f, H_b
            in zip(forward, backward[::-1], strict=True)]
    return hidden_states(both, state, params[2])


d2l.seed(1)
layers = [large(d2l.get_params(size, h, ctx)[:3]) for size in (5, 5, 2 * h)]
zeros = d2l.init_rnn_state(1, h, ctx)
first = who_reads_what(hidden_states, zeros, layers[0])
second = who_reads_what(second_forward, zeros, layers)
print(*first, "", *second, sep="\n")
assert first == ["#....", "##...", "###..", "####.", "#####"]
assert second == ["#####"] * 5

# %% [markdown]
# ## 5
#
# Number each context: the ids of its two characters are the digits of a
# number. With the counts $w$, $c$ and $d$ of the training text, smooth as for
# n-grams, and shorten a context of two to the character before.
#
# ### Solution
#
# It is worth more than half a bit. With one character known, the one before,
# a second from the past saves about half as much as one from the future: the
# first has said some of it already, whereas the character after the missing
# one rules guesses out from the other side. The networks of this lesson, with
# all of the past and all of the future, gained about a bit.


# %%
poems = d2l.load_corpus("shakespeare", num_chars=40_000)
ids, V = np.array(poems.corpus_indices, np.int64), poems.vocab_size
train = np.arange(len(ids)) < len(ids) * 9 // 10


def bits(*offsets):
    p, contexts = 1 / V, np.zeros_like(ids)
    for offset in (*offsets, None):
        which, inverse = np.unique(contexts * V + ids, return_inverse=True)
        counts = np.bincount(inverse[train], minlength=len(which))
        c = np.bincount(which // V, counts)[contexts]
        d = np.bincount(which // V, counts > 0)[contexts]
        p = np.where(c > 0, (counts[inverse] + d * p) / np.maximum(c + d, 1),
                     p)
        if offset:  # the next longer context
            contexts = contexts * V + np.roll(ids, -offset)
    return -np.log2(p[~train]).mean()


measured = {"none": bits(), "one before": bits(-1), "one after": bits(1),
            "two before": bits(-1, -2), "one on each side": bits(-1, 1)}
for name, value in measured.items():
    print(f"{name:<16} {value:.2f} bits")
past, future = bits(-1) - bits(-1, -2), bits(-1) - bits(-1, 1)
assert future - past > 0.5 and 0.4 < past / future < 0.6
