# %% [markdown]
# # A recurrent neural network in Gluon
#
# Which lines of [the network from scratch](rnn_scratch.py) were the idea, and
# which were plumbing? Gluon, MXNet's library of layers, has most of the
# plumbing ready made, and the recurrence too. What you still have to know is
# what its lines compute:
#
# $$\begin{gathered} \mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hh} + \mathbf{b}_h), \\
#   \mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q.
#   \end{gathered}$$
#
# After this lesson you can
#
# * build and train this model with layers of Gluon;
# * say which line from scratch each of its lines stands for;
# * show that two implementations compute the same function.
#
# You need the lesson [from scratch](rnn_scratch.py), whose letters it uses
# ([notation](/notation.md)). With the book's settings it takes one to two
# minutes on two cores.

# %%
import time

import d2lrnn as d2l  # before mxnet
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## The recurrent layer
#
# A layer takes all steps at once, in the shape (num_steps, batch_size,
# inputs), and returns the hidden states of all steps, and the last one by
# itself. Its state is a list of arrays, each with one more dimension than
# ours, since one object may hold several layers. Without
# `activation="tanh"`, it would use ReLU.

# %%
num_hiddens, batch_size, num_steps = 256, 2, 35
rnn_layer = rnn_layers.RNN(num_hiddens, activation="tanh")
rnn_layer.initialize(ctx=ctx)
state = rnn_layer.begin_state(batch_size=batch_size, ctx=ctx)
X = nd.random.uniform(shape=(num_steps, batch_size, vocab_size), ctx=ctx)
H, state_new = rnn_layer(X, state)
assert H.shape == (35, 2, 256) and state_new[0].shape == (1, 2, 256)

# %% [markdown]
# ## The model
#
# Ids become one-hot vectors, then hidden states, then scores. `run_one_hot`
# hands the one-hot vectors to the layer. The scores come from a single
# product: the rows of all steps stand in one matrix, step after step
# ({numref}`fig-gluon-shapes`). Nowhere does the code say how many inputs a
# layer has: Gluon draws its weights when the first mini-batch shows it.
#
# ```{figure} /figures/gluon_shapes.svg
# :name: fig-gluon-shapes
# :alt: A chain from ids to scores, with the shape of each array beside it.
#
# The shapes in `RNNModel`, from ids to scores. $n$ is `batch_size`, $T$
# `num_steps`, $h$ `num_hiddens`; $d$ and $q$ are both `vocab_size`.
# ```


# %%
def run_one_hot(rnn_layer, ids, vocab_size, state):
    return rnn_layer(nd.one_hot(ids, vocab_size), state)


class RNNModel(nn.Block):
    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.dense = nn.Dense(vocab_size)

    def forward(self, inputs, state):
        Y, state = run_one_hot(self.rnn, inputs.T, self.vocab_size, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, *args, **kwargs):
        return self.rnn.begin_state(*args, **kwargs)


model = RNNModel(rnn_layer, vocab_size)
model.initialize(ctx=ctx, force_reinit=True)
X, _ = next(d2l.data_iter_consecutive(corpus_indices, 2, 35, ctx))
output, state = model(X, state)  # output: (35 * 2, vocab_size)

# %% [markdown]
# ## The same function?
#
# Draw weights, and put them into both models: their scores should differ by
# rounding alone. Gluon stores its matrices transposed, and has two biases in
# the recurrent layer, one for the input and one for the state; in a plain RNN
# only their sum matters, so one of them gets zeros.

# %%
params = [nd.random.normal(scale=0.1, shape=param.shape, ctx=ctx)
          for param in d2l.get_params(vocab_size, num_hiddens, ctx)]
layer, dense = model.rnn, model.dense
targets = (layer.l0_i2h_weight, layer.l0_h2h_weight, layer.l0_i2h_bias,
           dense.weight, dense.bias)  # W_xh, W_hh, b_h, W_hq, b_q
for target, param in zip(targets, params, strict=True):
    target.set_data(param.T)
layer.l0_h2h_bias.set_data(0 * params[2])
outputs, _ = d2l.rnn(d2l.to_onehot(X, vocab_size),
                     d2l.init_rnn_state(batch_size, num_hiddens, ctx), params)
output, _ = model(X, model.begin_state(batch_size=batch_size, ctx=ctx))
difference = nd.abs(nd.concat(*outputs, dim=0) - output).max().asscalar()
print(f"the scores differ by at most {difference:.1g}")
assert difference < 1e-4

# %% [markdown]
# ## Prediction
#
# As from scratch: read the prefix, then take each chosen character as the
# next input.


# %%
def predict_rnn_gluon(prefix, num_chars, model, vocab_size, ctx, idx_to_char,
                      char_to_idx):
    d2l.check_prefix(prefix, num_chars, char_to_idx)
    state = model.begin_state(batch_size=1, ctx=ctx)
    output = [char_to_idx[prefix[0]]]
    for t in range(num_chars + len(prefix) - 1):
        X = nd.array([output[-1]], ctx=ctx).reshape((1, 1))
        Y, state = model(X, state)
        if t < len(prefix) - 1:
            output.append(char_to_idx[prefix[t + 1]])
        else:
            output.append(int(Y.argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in output)

# %% [markdown]
# ## Training
#
# The loop has the same five parts: read, forward, backward, clip, descend. A
# `gluon.Trainer` holds the parameters and takes the steps. Around the five
# parts stands what a long training needs: `check_training` checks the
# arguments, `EpochBar` shows progress, `end_epoch` reads losses and norms
# from the device and keeps the history, and `print_epoch` prints. Sampling is
# consecutive.


# %%
def train_and_predict_rnn_gluon(model, num_hiddens, vocab_size, ctx,
                                corpus_indices, idx_to_char, char_to_idx,
                                num_epochs, num_steps, lr, clipping_theta,
                                batch_size, pred_period, pred_len, prefixes):
    d2l.check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                       prefixes, char_to_idx)
    loss = gloss.SoftmaxCrossEntropyLoss()
    model.initialize(ctx=ctx, force_reinit=True, init=init.Normal(0.01))
    trainer = gluon.Trainer(model.collect_params(), "sgd",
                            {"learning_rate": lr, "momentum": 0, "wd": 0})

    def predict(prefix):
        return predict_rnn_gluon(prefix, pred_len, model, vocab_size, ctx,
                                 idx_to_char, char_to_idx)

    history, epochs = [], d2l.EpochBar(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = model.begin_state(batch_size=batch_size, ctx=ctx)
        # 1 read
        for X, Y in d2l.data_iter_consecutive(corpus_indices, batch_size,
                                              num_steps, ctx,
                                              vocab_size=vocab_size):
            # the gradient stops here: only num_steps back in time
            state = [s.detach() for s in state]
            with autograd.record():
                output, state = model(X, state)  # 2 forward
                y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
                l = loss(output, y).mean()
            l.backward()  # 3 backward
            params = [p.data() for p in model.collect_params().values()]
            norms.append(d2l.grad_clipping(params, clipping_theta, ctx))  # 4
            trainer.step(1)  # 5 descend; the loss is a mean already
            losses.append(l)
        d2l.end_epoch(history, losses, norms, X.size, start, lr,
                      clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            d2l.print_epoch(history[-1], predict, prefixes)
    return history


# %% [markdown]
# The book's settings again:

# %%
settings = {
    "num_hiddens": num_hiddens, "ctx": ctx, "num_epochs": d2l.epochs(250),
    "num_steps": num_steps, "batch_size": 32, "lr": 1e2,
    "clipping_theta": 1e-2, "pred_period": d2l.epochs(50), "pred_len": 50,
    "prefixes": ["分开", "不分开"]}
text = {"vocab_size": vocab_size, "corpus_indices": corpus_indices,
        "idx_to_char": idx_to_char, "char_to_idx": char_to_idx}
d2l.seed(seed)
histories = {"RNN in Gluon": train_and_predict_rnn_gluon(
    model, **text, **settings)}
d2l.plot_perplexity(histories, corpus)

# %% [markdown]
# ## Side by side
#
# ```{list-table}
# :header-rows: 1
#
# * - the idea
#   - from scratch
#   - in Gluon
# * - parameters
#   - `get_params`: shapes, drawing, `attach_grad`
#   - `rnn_layers.RNN(num_hiddens, activation="tanh")`,
#     `nn.Dense(vocab_size)`, `initialize`
# * - first state
#   - `init_rnn_state`: a tuple of arrays
#   - `begin_state`: a list of arrays
# * - hidden state
#   - `nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)`
#   - in the layer
# * - all steps
#   - `for X in inputs:`
#   - in the layer
# * - scores
#   - `nd.dot(H, W_hq) + b_q`, step by step
#   - `self.dense(...)`, all at once
# * - descend
#   - `d2l.sgd(params, lr, 1)`
#   - `trainer.step(1)`
# * - stop gradients
#   - `detach`
#   - the same
# * - clip
#   - `grad_clipping`
#   - the same
# ```
#
# The first six ideas occur in every model of this kind, and Gluon has them
# ready made. The last two belong to the way in which a recurrent network is
# trained. Stopping gradients stays yours; for clipping Gluon has
# `gluon.utils.clip_global_norm`, but you have to call it.
#
# Does a ready-made layer also make a faster model? Here are the parameters
# of each model and the seconds of an epoch, the shortest of five. The last
# row is the package's `RNNModel`: the same class with another `run_one_hot`
# (and, in this row, with Gluon's default activation, ReLU).

# %%
few = {**text, **settings, "num_epochs": d2l.epochs(5), "prefixes": []}
num_params = sum(param.size for param in params)
rows = [("from scratch, compiled", num_params, d2l.train_and_predict_rnn(
    d2l.rnn, d2l.get_params, d2l.init_rnn_state, is_random_iter=False,
    **few))]
num_params = sum(p.data().size for p in model.collect_params().values())
rows += [("this RNNModel", num_params, histories["RNN in Gluon"][-5:]),
         ("d2l.RNNModel", num_params, train_and_predict_rnn_gluon(
             d2l.RNNModel(rnn_layers.RNN(num_hiddens), vocab_size), **few))]
for name, count, history in rows:
    seconds = min(record["seconds"] for record in history)
    print(f"{name:<24}{count:>10,}{seconds:>7.2f} s")
assert rows[1][1] == rows[0][1] + num_hiddens  # the second bias

# %% [markdown]
# It does not make a faster one by itself. This `RNNModel` multiplies a matrix
# with one-hot vectors, although each product only selects a row. The
# compiled step from scratch looks the row up instead. So, on a CPU, does the
# package's `run_one_hot`, which also runs all steps as one operator. In the
# run shown here that closes the gap, although the loop is not compiled
# ([how](making_it_fast.py), [measured](/results.md)).
#
# ## Common mistakes
#
# **A parameter without `initialize`.** A layer that was added or replaced
# after the call has no weights yet:

# %%
state = model.begin_state(batch_size=batch_size, ctx=ctx)
try:
    RNNModel(rnn_layers.RNN(num_hiddens), vocab_size)(X, state)
except RuntimeError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# **A state that is no list.** The line with `detach` iterates over the list.
# Iterating over a single array yields its slices, which lack the first axis:

# %%
try:
    model(X, [s.detach() for s in state[0]])
except ValueError as error:
    print(error)

# %% [markdown]
# **The mean taken twice.** `trainer.step(batch_size)` divides the gradient by
# `batch_size`. After a loss that is a mean already, and since clipping comes
# first, this is the same as a learning rate too small by that factor. No
# error tells you; the perplexity just falls too slowly. On 1,000 characters,
# with batches of 10, that is a rate of 10 instead of 100:

# %%
small = {**few, "corpus_indices": corpus_indices[:1000], "num_steps": 10,
         "batch_size": 10, "num_epochs": 8, "pred_period": 1000}
right, slow = (train_and_predict_rnn_gluon(model, **small | {"lr": lr})[-1]
               for lr in (1e2, 1e2 / 10))
print(f"perplexity {right['perplexity']:.0f} as with step(1), "
      f"{slow['perplexity']:.0f} as with step(10)")
assert slow["perplexity"] > right["perplexity"]

# %% [markdown]
# ## The perplexity report

# %%
report = d2l.write_report("rnn_gluon", histories, corpus,
                          {"seed": seed, **settings})

# %% [markdown]
# ## Results
#
# With the Jay Chou lyrics, the recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- rnn_gluon -->
# :end-before: <!-- end of rnn_gluon -->
# ```
#
# [The results](/results.md) name the machine and the times.
#
# ## Summary
#
# * Layers of `gluon.rnn` run all steps in one call. Their state is a list of
#   arrays of shape (num_layers, batch_size, num_hiddens).
# * With the same weights, the model computes the same scores as the one from
#   scratch.
# * Gluon supplies the parameters, the loop over the steps and the descent. To
#   stop and to clip gradients remains yours.
#
# ## Exercises
#
# 1. (\*) Where do the additional parameters of the model in Gluon come from?
#    What would change without them?
# 2. (\*) Give the layer `num_layers=2`. What shape has the state? On the
#    first 1,000 characters, does the perplexity fall faster?
# 3. (\*\*) Write `Y.reshape((-1,))` for `Y.T.reshape((-1,))` in the training
#    loop. Why is there no error, and what does the model learn?
# 4. (\*\*) Replace the one-hot vectors by `nn.Embedding(vocab_size, 64)`. How
#    many parameters does the model have now? With which weights is the model
#    with one-hot vectors the same function?
# 5. (\*\*\*) Write the loop for random sampling, and train with both
#    samplings on 1,000 characters. Then let each model read them through,
#    with a state that is carried on. Is it as good as in training?
#
# ## Further reading
#
# * S. Chetlur et al., *cuDNN: Efficient Primitives for Deep Learning*,
#   2014.
# * J. Appleyard, T. Kočiský and P. Blunsom, *Optimizing Performance of
#   Recurrent Neural Networks on GPUs*, 2016: what a layer can do better than
#   a loop.
# * *Dive into Deep Learning*, in Chinese: section 6.5 of the [first
#   edition](https://zh-v1.d2l.ai), 8.6 of the [second](https://zh.d2l.ai).
#
# Next: [back-propagation through time](bptt.py).
