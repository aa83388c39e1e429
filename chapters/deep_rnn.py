# %% [markdown]
# # Deep recurrent networks
#
# Unrolled over 35 steps, a recurrent network is 35 layers deep already. Why
# make it deep in layers, too? Because it is deep in time only: between a
# character and the scores of the next one there is a single hidden layer.
# Further layers give each step more computation, and each layer has a state
# of its own.
#
# After this lesson you can
#
# * put recurrent cells of any kind on one another, and draw what reads what;
# * turn a function that is a cell into a function that is a deep cell;
# * check a stack of layers against Gluon's, weight by weight.
#
# You need the [recurrent network from scratch](rnn_scratch.py) and [its
# concise version](rnn_gluon.py). On two CPU cores the lesson takes about
# seven minutes. The letters are those of the [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
from mxnet import nd
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"text: {corpus.source}")
print(f"{vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## A grid of time and layers
#
# The hidden states of layer $l - 1$ are the inputs of layer $l$. Call
# the input layer 0, $\mathbf{H}_t^{(0)} = \mathbf{X}_t$; then for the layers
# $l = 1, \ldots, L$
#
# $$\begin{aligned}\mathbf{H}_t^{(l)} = \tanh(&\mathbf{H}_t^{(l-1)}
#   \mathbf{W}_{xh}^{(l)}\\ &+ \mathbf{H}_{t-1}^{(l)}
#   \mathbf{W}_{hh}^{(l)} + \mathbf{b}_h^{(l)}),\end{aligned}$$
#
# and the output layer reads the last of them:
#
# $$\mathbf{Y}_t = \mathbf{H}_t^{(L)} \mathbf{W}_{hq} + \mathbf{b}_q.$$
#
# ```{figure} /figures/layers.svg
# :name: fig-layers
# :alt: A grid of hidden states, with time to the right and layers upwards.
#
# A deep recurrent network. Each hidden state reads its own layer one step
# earlier, and the layer below at the same step.
# ```
#
# In {numref}`fig-layers` each hidden state has two arrows coming in: one from
# its left, one from below. A path from an input to a later output may climb
# early or late, so there are many paths of the same length.
#
# **By hand.** Take two layers of one unit, with all weights 1, all biases 0
# and no tanh. Both states begin at 0, and the inputs are 1, 0, 0. The first
# layer adds up its inputs: 1, 1, 1. The second adds up the first: 1, 2, 3.
# One layer of this kind remembers *that* there was a 1; two layers also count
# *how long ago*.
#
# The cell may be any that reads inputs and keeps a state. Three functions
# take its own three functions and a number of layers, and make a deep cell.
#
# ## Parameters and states
#
# The lowest layer reads characters, the others read hidden states. Only one
# output layer is kept, at the end of the list.


# %%
def get_deep_params(get_params, num_layers):
    def get_params_of_layers(vocab_size, num_hiddens, ctx=None):
        *params, W_hq, b_q = get_params(vocab_size, num_hiddens, ctx)
        for _ in range(num_layers - 1):
            params += get_params(num_hiddens, num_hiddens, ctx)[:-2]
        return [*params, W_hq, b_q]

    return get_params_of_layers


def init_deep_state(init_state, num_layers):
    def init_states(batch_size, num_hiddens, ctx):
        return sum((init_state(batch_size, num_hiddens, ctx)
                    for _ in range(num_layers)), ())

    return init_states


# %% [markdown]
# ## The model
#
# At each step the input climbs through the layers: a layer's cell takes one
# step, and its new hidden state is what the next layer reads. Every cell also
# scores the next character, but only the last scores are kept; the compiled
# graph leaves the others out.


# %%
def deep(cell, num_layers):
    def deep_cell(inputs, state, params):
        *params, W_hq, b_q = params
        num_params = len(params) // num_layers
        num_states = len(state) // num_layers
        states = [state[i * num_states:(i + 1) * num_states]
                  for i in range(num_layers)]
        outputs = []
        for X in inputs:
            for i in range(num_layers):
                layer = params[i * num_params:(i + 1) * num_params]
                (Y,), states[i] = cell([X], states[i], [*layer, W_hq, b_q])
                X = states[i][0]  # what the next layer reads
            outputs.append(Y)
        return outputs, sum(states, ())

    return deep_cell


# %% [markdown]
# The example by hand needs a cell without tanh and without weights. `deep`
# takes it like any other.


# %%
def adding(inputs, state, params):
    (H,), outputs = state, []
    for X in inputs:
        H = X + H
        outputs.append(H)
    return outputs, (H,)


one, zero = nd.ones((1, 1)), nd.zeros((1, 1))
outputs, _ = deep(adding, 2)([one, zero, zero], (zero, zero), [None, None])
counts = [Y[0].asscalar() for Y in outputs]
print("the second layer:", *counts)
assert counts == [1, 2, 3]

# %%
num_hiddens, num_layers = 256, 2
deep_rnn = deep(d2l.rnn, num_layers)
get_params = get_deep_params(d2l.get_params, num_layers)
init_state = init_deep_state(d2l.init_rnn_state, num_layers)
X = d2l.to_onehot(nd.arange(10, ctx=ctx).reshape((2, 5)), vocab_size)
outputs, state = deep_rnn(X, init_state(2, num_hiddens, ctx),
                          get_params(vocab_size, num_hiddens, ctx))
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert [H.shape for H in state] == [(2, num_hiddens)] * num_layers

# %% [markdown]
# ## A common mistake: the state of another layer
#
# All layers have states of the same shape, so a wrong index raises no error.
# Here each layer begins its step with the state of the layer below instead of
# its own, and the lowest layer with that of the highest.


# %%
def wrong_layer(inputs, state, params):
    *params, W_hq, b_q = params
    states, outputs = list(state), []
    for X in inputs:
        old, states = states, []
        for i in range(num_layers):
            layer = [*params[3 * i:3 * (i + 1)], W_hq, b_q]
            (Y,), (X,) = d2l.rnn([X], (old[i - 1],), layer)  # not old[i]
            states.append(X)
        outputs.append(Y)
    return outputs, tuple(states)


# %% [markdown]
# What finds such a mistake is a model known to be right that is given the
# same weights. Gluon's layers take the number of layers as an argument; we
# copy our weights into them and compare the last states.

# %%
params = [20 * param for param in get_params(vocab_size, num_hiddens, ctx)]
layer = rnn_layers.RNN(num_hiddens, num_layers, activation="tanh",
                       input_size=vocab_size)
layer.initialize(ctx=ctx)
for i in range(num_layers):
    W_xh, W_hh, b_h = params[3 * i:3 * (i + 1)]
    getattr(layer, f"l{i}_i2h_weight").set_data(W_xh.T)
    getattr(layer, f"l{i}_h2h_weight").set_data(W_hh.T)
    getattr(layer, f"l{i}_i2h_bias").set_data(b_h)
state = init_state(2, num_hiddens, ctx)
_, (theirs,) = layer(nd.stack(*X), [nd.stack(*state)])
apart = {}
for cell in (deep_rnn, wrong_layer):
    _, ours = cell(X, state, params)
    apart[cell] = (nd.stack(*ours) - theirs).abs().max().asscalar()
print(f"distance from Gluon's states: {apart[deep_rnn]:.0e}, with the "
      f"mistake {apart[wrong_layer]:.1f}")
assert apart[deep_rnn] < 1e-4 < 0.1 < apart[wrong_layer]

# %% [markdown]
# Would training have told us? Here both learn a short text, with few hidden
# units and three seeds:

# %%
for name, cell in (("right", deep_rnn), ("wrong layer", wrong_layer)):
    ends = []
    for s in (1, 2, 3):
        d2l.seed(s)
        ends.append(d2l.train_and_predict_rnn(
            cell, get_params, init_state, 64, vocab_size, ctx,
            corpus_indices[:1000], idx_to_char, char_to_idx, False,
            d2l.epochs(40), 10, 1e2, 1e-2, 8, 999, 1, [])[-1]["perplexity"])
    print(f"{name:<11} perplexity", *(f"{end:.2f}" for end in ends))
    assert max(ends) < vocab_size

# %% [markdown]
# On the Jay Chou lyrics the mistake learned more slowly with each seed. But
# without the right model beside it, its perplexity would look as good as any.
#
# ## Training
#
# The loop trains a deep cell as it trains any other, with the book's settings
# and consecutive sampling.

# %%
num_epochs, num_steps, batch_size = d2l.epochs(160), 35, 32
lr, clipping_theta = 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(40), 50, ["分开", "不分开"]
d2l.seed(seed)
histories = {"2 layers from scratch": d2l.train_and_predict_rnn(
    deep_rnn, get_params, init_state, num_hiddens, vocab_size, ctx,
    corpus_indices, idx_to_char, char_to_idx, False, num_epochs, num_steps,
    lr, clipping_theta, batch_size, pred_period, pred_len, prefixes)}

# %% [markdown]
# ## The same in Gluon, with two layers and with one
#
# One layer is the baseline: what the second layer is worth on this text shows
# in the distance between the two curves.

# %%
for layers, name in ((2, "2 layers in Gluon"), (1, "1 layer in Gluon")):
    d2l.seed(seed)
    model = d2l.RNNModel(rnn_layers.RNN(
        num_hiddens, layers, activation="tanh"), vocab_size)
    histories[name] = d2l.train_and_predict_rnn_gluon(
        model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
        char_to_idx, num_epochs, num_steps, lr, clipping_theta, batch_size,
        pred_period, pred_len, prefixes)

# %% [markdown]
# ## Results

# %%
d2l.plot_perplexity(histories, corpus)

# %%
settings = {
    "seed": seed, "ctx": ctx, "num_hiddens": num_hiddens,
    "num_layers": num_layers,
    "num_epochs": num_epochs, "num_steps": num_steps,
    "batch_size": batch_size, "lr": lr, "clipping_theta": clipping_theta,
    "pred_period": pred_period, "pred_len": pred_len, "prefixes": prefixes}
report = d2l.write_report("deep_rnn", histories, corpus, settings)

# %% [markdown]
# On the Jay Chou lyrics our recorded run, with one seed, ended at a
# perplexity of 3.273 from scratch and 3.351 in Gluon, both with two layers.
# Compare them with the curve of one layer, which has as many hidden units in
# its layer and fewer parameters. All of them learn this text by heart, so the
# curves do not say which would predict a new text better; the
# [char-RNN](char_rnn.py) measures that on text that it has not read.
#
# ## Summary
#
# * A deep recurrent network feeds each layer's hidden states to the next; a
#   state reads its own layer one step earlier and the layer below.
# * Layers and steps are independent choices: `deep` knows nothing of the cell
#   but its three functions.
# * States of equal shape can end up in the wrong layer without an error, and
#   the model still learns; equal weights in a known model show it.
#
# Next, [bidirectional networks](bi_rnn.py) read the text from both ends.
#
# ## Exercises
#
# 1. (\*) Put `d2l.lstm` into `deep`. What is in the state now?
# 2. (\*) In the example by hand, what does a third layer output?
# 3. (\*\*) How many hidden units must each of two layers have, to come to the
#    parameters of one layer of 256? Train both with three seeds.
# 4. (\*\*) Swap the two loops of `deep`: first all steps of a layer, then the
#    next layer. What would `cell` have to return for that?
# 5. (\*\*\*) Give the output layer the states of all layers, side by side
#    (Graves 2013). Do deep networks train faster then?
#
# ## Further reading
#
# * *Dive into Deep Learning*: section 6.9 of the first Chinese edition,
#   section 9.3 of the second.
# * A. Graves, *Generating Sequences With Recurrent Neural Networks*, 2013.
# * W. Zaremba, I. Sutskever, O. Vinyals, *Recurrent Neural Network
#   Regularization*, 2014: dropout between the layers.
