# %% [markdown]
# # Solutions: a recurrent neural network from scratch
#
# The exercises are at the end of `rnn_scratch.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import d2lrnn as d2l
from mxnet import autograd, gluon, nd

ctx = d2l.try_gpu()
loss = gluon.loss.SoftmaxCrossEntropyLoss()
corpus_indices, char_to_idx, idx_to_char, vocab_size = (
    d2l.load_data_jay_lyrics())
small = corpus_indices[:1000]

# %% [markdown]
# ## 1
#
# In the row for $\mathbf{H}_2$ of the table, replace the row of
# $\mathbf{W}_{xh}$ and the state.
#
# ### Solution
#
# $\mathbf{H}_3 = \tanh(-1 + 0.642, 0) = (-0.343, 0)$, so the scores are
# $(0.69, 0, -0.69)$: the network expects a. In abcbabcb... every c is
# followed by b. The example is made for what follows b; after a and c it is
# wrong. A bias of 2 for b, and a weight of -5 by which the second unit takes
# it away again while it is on, mend that:

# %%
by_hand = [nd.array([[1, 0], [0, 1], [-1, 0]]), nd.array([[1, 0], [0, 0]]),
           nd.zeros(2), nd.array([[-2, 0, 2], [0, -1, 0]]), nd.zeros(3)]
inputs = d2l.to_onehot(nd.array([[0, 1, 2, 1, 0, 1, 2]]), 3)  # abcbabc
outputs, _ = d2l.rnn(inputs, (nd.zeros((1, 2)),), by_hand)
assert [int(Y.argmax(axis=1).asscalar()) for Y in outputs[:3]] == [2, 2, 0]
by_hand[3][1, 1], by_hand[4][1] = -5, 2
outputs, _ = d2l.rnn(inputs, (nd.zeros((1, 2)),), by_hand)
written = "".join("abc"[int(Y.argmax(axis=1).asscalar())] for Y in outputs)
assert written == "bcbabcb"

# %% [markdown]
# ## 2
#
# Before the loop, unpack the parameters and the state. In it, the two
# equations are two lines.
#
# ### Solution
#
# `d2l.check` calls your function with arrays of random sizes, and compares
# scores, state and gradients with those of the package. The definition in
# this lesson passes:

# %%
assert d2l.check("rnn_scratch", 2, d2l.rnn)


# %% [markdown]
# ## 3
#
# `theta=None` switches clipping off in `grad_clipping`. Divide the learning
# rate by 10 until the perplexity is finite and below `vocab_size`.
#
# ### Solution
#
# On these lyrics, 100 and 10 end in perplexities beyond all measure, 1 and
# 0.1 below `vocab_size`. Neither comes as far as the clipped training with
# 100: its steps are all clipped to the length 1, so that a rate of 100 does
# no harm.

# %%
def losses(X, Y, state, params):
    outputs, state = d2l.rnn(d2l.to_onehot(X, vocab_size), state, params)
    return loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,))), state


def train(lr, theta=1e-2, total=False, num_epochs=8):
    d2l.seed(1)
    params = d2l.get_params(vocab_size, 64, ctx)
    norms = []
    for _ in range(num_epochs):
        state, means = d2l.init_rnn_state(10, 64, ctx), []
        for X, Y in d2l.data_iter_consecutive(small, 10, 10, ctx):
            state = tuple(s.detach() for s in state)
            with autograd.record():
                l, state = losses(X, Y, state, params)
                trained = l.sum() if total else l.mean()
            trained.backward()
            norms.append(d2l.grad_clipping(params, theta, ctx).asscalar())
            d2l.sgd(params, lr, 1)
            means.append(l.mean().asscalar())
    return d2l.perplexity(sum(means) / len(means)), norms


without = {lr: train(lr, theta=None)[0] for lr in (100, 10, 1, 0.1)}
print({lr: f"{p:.3g}" for lr, p in without.items()})
assert all(without[lr] < vocab_size for lr in (1, 0.1))
assert not any(without[lr] < vocab_size for lr in (100, 10))
assert train(100)[0] < min(without[1], without[0.1])

# %% [markdown]
# ## 4
#
# A mini-batch has 100 characters here, so every gradient is 100 times as long
# as before. Which of the two are longer than $\theta = 0.01$?
#
# ### Solution
#
# The norms before clipping grow by a factor of 100 in the first step, from
# the same parameters. Both are clipped to 0.01, since both were longer, and
# the clipped gradients are the same: clipping keeps the direction, and forgets
# the length. So the training goes on as before, up to rounding.

# %%
(mean, of_means), (total, of_sums) = train(100), train(100, total=True)
assert abs(of_sums[0] / of_means[0] - 100) < 1
assert min(of_means) > 0.01
assert abs(total / mean - 1) < 0.02

# %% [markdown]
# ## 5
#
# Keep the parameters of the best epoch: `[param.copy() for param in params]`.
# Measure the held-out perplexity with `losses`, one mini-batch after another,
# without `autograd.record`.
#
# ### Solution
#
# `d2l.fit` does this for the models of a later lesson: it measures a held-out
# part after each epoch, with `patience` it stops when there is no progress,
# and with a `folder` it keeps the best parameters. Here by hand, on the first
# thousand characters, at a rate of 10 and with two sizes only: the larger
# network has its best epoch earlier; which of them is better depends on the
# text. To find the best number of units, try more sizes in between, with
# several seeds.


# %%
def held_out(num_hiddens, num_epochs, lr=10):
    train_part, test_part = small[:800], small[800:]
    d2l.seed(1)
    params = d2l.get_params(vocab_size, num_hiddens, ctx)
    measured = []
    for _ in range(num_epochs):
        state = d2l.init_rnn_state(10, num_hiddens, ctx)
        for X, Y in d2l.data_iter_consecutive(train_part, 10, 10, ctx):
            state = tuple(s.detach() for s in state)
            with autograd.record():
                l, state = losses(X, Y, state, params)
                l = l.mean()
            l.backward()
            d2l.grad_clipping(params, 1e-2, ctx)
            d2l.sgd(params, lr, 1)
        state = d2l.init_rnn_state(2, num_hiddens, ctx)
        means = []
        for X, Y in d2l.data_iter_consecutive(test_part, 2, 10, ctx):
            l, state = losses(X, Y, state, params)
            means.append(l.mean().asscalar())
        measured.append(d2l.perplexity(sum(means) / len(means)))
    return measured


few, many = held_out(16, 25), held_out(256, 25)
for num_hiddens, measured in ((16, few), (256, many)):
    print(f"{num_hiddens} units: {min(measured):.0f} in epoch "
          f"{measured.index(min(measured)) + 1}")
assert few.index(min(few)) > many.index(min(many))
