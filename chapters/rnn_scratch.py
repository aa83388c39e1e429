# %% [markdown]
# # A recurrent neural network from scratch
#
# A language model gives each next character a probability. A recurrent
# network computes it from the character it just read and from a hidden state
# that remembers the ones before. At step $t$, with the inputs
# $\mathbf{X}_t$ of a mini-batch and the hidden state $\mathbf{H}_{t-1}$:
#
# $$\mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hh} + \mathbf{b}_h), \qquad
#   \mathbf{O}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q.$$
#
# This lesson writes that down in code, trains it on lyrics, and lets it write
# lyrics of its own.

# %%
import math
import time

import d2lrnn as d2l  # before mxnet
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"text: {corpus.source}")
print(f"{vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## One-hot vectors
#
# A character enters the network as a vector of length `vocab_size` that is 1
# at its id and 0 elsewhere. A mini-batch of shape (batch_size, num_steps)
# becomes one array for each step.


# %%
def to_onehot(X, size):
    return [nd.one_hot(x, size) for x in X.T]


X = nd.arange(10, ctx=ctx).reshape((2, 5))
inputs = to_onehot(X, vocab_size)
assert len(inputs) == 5 and inputs[0].shape == (2, vocab_size)

# %% [markdown]
# ## Parameters
#
# Small random weights, zero biases. `attach_grad` makes room for a gradient.


# %%
def get_params(vocab_size, num_hiddens, ctx=None):
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    # the hidden layer
    W_xh = normal((vocab_size, num_hiddens))
    W_hh = normal((num_hiddens, num_hiddens))
    b_h = nd.zeros(num_hiddens, ctx=ctx)
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


# %% [markdown]
# ## The model
#
# The first hidden state is zero. It is a tuple, because other cells will have
# more than one array in it.


# %%
def init_rnn_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %%
num_hiddens = 256
state = init_rnn_state(X.shape[0], num_hiddens, ctx)
params = get_params(vocab_size, num_hiddens, ctx)
outputs, state_new = rnn(inputs, state, params)
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert state_new[0].shape == (2, num_hiddens)

# %% [markdown]
# ## Prediction
#
# To write, the model reads a prefix, then feeds each character that it chose
# back to itself. It chooses the one with the highest score.


# %%
def predict_rnn(prefix, num_chars, rnn, params, init_rnn_state,
                num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx):
    d2l.check_prefix(prefix, num_chars, char_to_idx)
    state = init_rnn_state(1, num_hiddens, ctx)
    output = [char_to_idx[prefix[0]]]
    for t in range(num_chars + len(prefix) - 1):
        # the last character is the input of this step
        X = to_onehot(nd.array([output[-1]], ctx=ctx), vocab_size)
        Y, state = rnn(X, state, params)
        # the next one comes from the prefix, then from the scores
        if t < len(prefix) - 1:
            output.append(char_to_idx[prefix[t + 1]])
        else:
            output.append(int(Y[0].argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in output)


# %% [markdown]
# Untrained, it writes nonsense.

# %%
print(predict_rnn("分开", 10, rnn, params, init_rnn_state, num_hiddens,
                  vocab_size, ctx, idx_to_char, char_to_idx))

# %% [markdown]
# ## Gradient clipping
#
# Going back through many steps multiplies many factors, and the gradient
# $\mathbf{g}$ of all parameters together can explode. Clipping keeps its
# direction and bounds its norm by $\theta$:
#
# $$\mathbf{g} \leftarrow \min\left(\frac{\theta}{\|\mathbf{g}\|}, 1\right)
#   \mathbf{g}.$$


# %%
def grad_clipping(params, theta, ctx=None):
    # a dot product adds up in many places at once: fast, and exact to 1e-6,
    # where multi_sum_sq and norm lose three digits on a million numbers
    flat = [param.grad.reshape(-1) for param in params]
    norm = nd.add_n(*(nd.dot(grad, grad) for grad in flat)).sqrt()
    if theta is not None:
        scale = nd.minimum(theta / norm, 1)
        for param in params:
            nd.broadcast_mul(param.grad, scale.reshape((1,) * param.ndim),
                             out=param.grad)
    return norm


# %% [markdown]
# ## Perplexity
#
# Perplexity is e to the power of the mean cross-entropy: among how many
# equally likely characters the model still has to choose. A perfect model has
# 1, a uniform guess has `vocab_size`, and a model worth its name is better
# than the unigram guess, which knows only how frequent each character is.


# %%
def perplexity(loss):
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


untrained = gloss.SoftmaxCrossEntropyLoss()(outputs[0], X[:, 0]).mean()
print(f"untrained {perplexity(untrained.asscalar()):.0f}, "
      f"uniform guess {vocab_size}, "
      f"unigram guess {d2l.unigram_perplexity(corpus_indices):.0f}")

# %% [markdown]
# ## Training
#
# Each mini-batch is one step: run the model, go back through its `num_steps`
# characters, clip, descend. The ways of sampling differ in the state: with
# random sampling it starts anew with each mini-batch; with consecutive
# sampling it goes on, and `detach` cuts it off from the graph of the
# mini-batch before. (`detach` returns a new array, so its result has to
# be assigned.)
#
# `d2l.Traced` records `step` once, rewrites the graph by algebra, and runs it
# compiled from then on: the same results but for rounding, in a third of the
# time. (`rewrite=False` leaves the graph as it is written.) `d2l.end_epoch`
# reads the losses and the norms of the gradient, and keeps the history;
# `d2l.print_epoch` prints.


# %%
def train_and_predict_rnn(rnn, get_params, init_rnn_state, num_hiddens,
                          vocab_size, ctx, corpus_indices, idx_to_char,
                          char_to_idx, is_random_iter, num_epochs, num_steps,
                          lr, clipping_theta, batch_size, pred_period,
                          pred_len, prefixes, *, compiled=True, rewrite=True):
    d2l.check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                       prefixes, char_to_idx)
    data_iter = (d2l.data_iter_random if is_random_iter
                 else d2l.data_iter_consecutive)
    params = d2l.make_params(get_params, vocab_size, num_hiddens, ctx)
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, *state):
        outputs, state = rnn(to_onehot(X, vocab_size), state, params)
        outputs = nd.concat(*outputs, dim=0)  # (num_steps*batch_size, vocab)
        y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
        return [loss(outputs, y).mean(), *state]

    def predict(prefix):
        return predict_rnn(prefix, pred_len, rnn, params, init_rnn_state,
                           num_hiddens, vocab_size, ctx, idx_to_char,
                           char_to_idx)

    if compiled:
        step = d2l.Traced(step, params, rewrite=rewrite)
    history, epochs = [], d2l.EpochBar(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = init_rnn_state(batch_size, num_hiddens, ctx)
        for X, Y in data_iter(corpus_indices, batch_size, num_steps, ctx,
                              vocab_size=vocab_size):
            if is_random_iter:  # neighbouring batches are not neighbours
                state = init_rnn_state(batch_size, num_hiddens, ctx)
            # the gradient stops here: only num_steps back in time
            state = tuple(s.detach() for s in state)
            with autograd.record():
                l, *state = step(X, Y, *state)
            l.backward()
            norms.append(grad_clipping(params, clipping_theta, ctx))
            d2l.sgd(params, lr, 1)  # the loss is a mean already
            losses.append(l)
        d2l.end_epoch(history, losses, norms, X.size, start, lr,
                      clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            d2l.print_epoch(history[-1], predict, prefixes)
    return history


# %% [markdown]
# ## The book's settings
#
# A learning rate of 100 looks wild, but the gradient it multiplies has a norm
# of 0.01 at most.

# %%
num_epochs, num_steps, batch_size = d2l.epochs(250), 35, 32
lr, clipping_theta = 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(50), 50, ["分开", "不分开"]


def train(is_random_iter):
    d2l.seed(seed)
    return train_and_predict_rnn(
        rnn, get_params, init_rnn_state, num_hiddens, vocab_size, ctx,
        corpus_indices, idx_to_char, char_to_idx, is_random_iter, num_epochs,
        num_steps, lr, clipping_theta, batch_size, pred_period, pred_len,
        prefixes)


# %% [markdown]
# First with random sampling, then with consecutive sampling:

# %%
print("random sampling")
histories = {"random sampling": train(is_random_iter=True)}

# %%
print("consecutive sampling")
histories["consecutive sampling"] = train(is_random_iter=False)

# %% [markdown]
# ## The perplexity report
#
# With all epochs, both curves fall far below the unigram guess. They show how
# well the model has learned this text by heart, not how well it would predict
# another one.

# %%
d2l.plot_perplexity(histories, corpus)

# %%
settings = {
    "seed": seed, "ctx": ctx, "num_hiddens": num_hiddens,
    "num_epochs": num_epochs, "num_steps": num_steps,
    "batch_size": batch_size, "lr": lr, "clipping_theta": clipping_theta,
    "pred_period": pred_period, "pred_len": pred_len, "prefixes": prefixes}
report = d2l.write_report("rnn_scratch", histories, corpus, settings)

# %% [markdown]
# ## What was seen
#
# On two cores of an AMD EPYC, with the Jay Chou lyrics, an epoch took 0.4
# seconds: perplexity 1.312 with random and 1.168 with consecutive sampling.
# With the lyrics that ship, which have a third more distinct characters, it
# was 2.109 and 2.249.
#
# ## Summary
#
# * A recurrent network reads one character at a time and remembers in its
#   hidden state; the same parameters serve every step.
# * Clipping bounds the gradient; perplexity says how well the model predicts.
# * With consecutive sampling the state goes on from mini-batch to mini-batch,
#   and `detach` keeps the gradient from going back further.
#
# ## Exercises
#
# 1. Without clipping (`clipping_theta=None`), which learning rate still
#    trains? What is said when it is too high?
# 2. Replace tanh by ReLU in `rnn`. How does the perplexity fall now?
# 3. Leave out `detach`, and take the mean of the losses of two mini-batches.
#    What does `backward` have to go through?
# 4. `compiled=False` trains step by step in Python. How much slower is it?
