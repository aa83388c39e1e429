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
# * compare one, two and three layers fairly: with equally many parameters, on
#   text that they have not read.
#
# You need the [recurrent network from scratch](rnn_scratch.py) and [its
# concise version](rnn_gluon.py). On two CPU cores the lesson takes about
# six minutes. The letters are those of the [notation](/notation.md).

# %%
import io
from contextlib import redirect_stdout

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
# early or late, so there are many paths of the same length, whose
# contributions add up.
#
# **By hand.** Take two layers of one unit, with all weights 1, all biases 0
# and no tanh. Both states begin at 0, and the inputs are 1, 0, 0. The first
# layer adds up its inputs: 1, 1, 1. The second adds up the first: 1, 2, 3.
# One unit remembers *that* there was a 1; a second one on top also counts the
# steps since, that one included.
#
# The cell may be any that reads inputs and keeps a state. It comes as three
# functions: parameters, first state and steps. `get_deep_params`,
# `init_deep_state` and `deep` each take one of these and a number of layers,
# and return that of the deep cell.
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
# copy our weights into them, transposed as Gluon keeps them, and compare the
# last states. The weights are 20 times larger than at the start of a
# training: small states would hide a mistake.

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
# One layer, of as many hidden units, is the baseline.

# %%
for layers, name in ((2, "2 layers in Gluon"), (1, "1 layer in Gluon")):
    d2l.seed(seed)
    model = d2l.RNNModel(rnn_layers.RNN(
        num_hiddens, layers, activation="tanh"), vocab_size)
    histories[name] = d2l.train_and_predict_rnn_gluon(
        model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
        char_to_idx, num_epochs, num_steps, lr, clipping_theta, batch_size,
        pred_period, pred_len, prefixes)

# %%
d2l.plot_perplexity(histories, corpus)

# %% [markdown]
# Is the second layer worth having? The curves do not tell. They show the text
# that the models train on, and one seed each. With the Jay Chou lyrics, the
# recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- deep_rnn -->
# :end-before: <!-- end of deep_rnn -->
# ```
#
# There one layer was far ahead, perhaps because a second layer of small
# weights shrinks signals and gradients further. On the lyrics that come with
# the package, the two trainings of two layers ended on either side of one
# layer: two trainings of one model can differ more than two depths do.
#
# ## What is a layer worth?
#
# A fair trial takes more. A second layer brings more parameters, and more
# parameters alone may help. So deeper models get narrower layers here, until
# all have about as many. One-hot vectors of size $d$ and $h$ hidden units
# take $d h + h^2 + 2 h$ parameters in the first layer (Gluon has two
# biases), $2 h^2 + 2 h$ in each further layer, and $(h + 1) q$ in the output
# layer, where $q = d$.
#
# The judge is text that the models have not read: the last tenth of 20,000
# characters of sonnets. Ten thousand characters of lyrics are too few for
# that, since many of the held-out characters hardly occur before. `fit`
# trains the package's [char-RNN](char_rnn.py), here with plain cells, and
# measures the held-out text after each epoch; of each training we keep the
# lowest, which, chosen on that same text, is a little too low. (`None` stands
# for one-hot vectors instead of an embedding; `fit` uses Adam, hence the
# other learning rate.) Five seeds each give a median and, in parentheses, a
# range; the figure has both at every epoch.

# %%
poems = d2l.load_corpus("shakespeare", num_chars=20_000)
d = poems.vocab_size


def num_params(layers, h):
    return (d + h + 2) * h + (layers - 1) * (2 * h + 2) * h + (h + 1) * d


print(f"text: {poems.source}; frequencies alone: "
      f"{d2l.unigram_perplexity(poems.corpus_indices):.2f}")
print("layers  hidden units  parameters  held-out perplexity")
figure = d2l.new_figure((7, 3.5))
axes = figure.subplots()
for layers in (1, 2, 3):
    h = min(range(1, 129), key=lambda h, layers=layers: abs(
        num_params(layers, h) - num_params(1, 128)))
    curves = []
    for s in range(1, 6):
        model = d2l.CharRNN(d, None, h, layers, cell="rnn")
        with redirect_stdout(io.StringIO()):  # a line for each epoch
            history = d2l.fit(model, poems, d2l.epochs(20), lr=5e-3, seed=s,
                              ctx=ctx)
        curves.append([r["held_out_perplexity"] for r in history])
    assert num_params(layers, h) == sum(
        param.data().size for param in model.collect_params().values())
    lowest = np.min(curves, axis=1)
    assert lowest.max() < d
    print(f"{layers:>6}{h:>14}{num_params(layers, h):>12,}  "
          f"{np.median(lowest):.2f} ({lowest.min():.2f}-{lowest.max():.2f})")
    epochs = range(1, len(history) + 1)
    axes.plot(epochs, np.median(curves, axis=0), label=f"layers: {layers}")
    axes.fill_between(epochs, np.min(curves, axis=0), np.max(curves, axis=0),
                      alpha=0.2)
axes.set(xlabel="epoch", ylabel="held-out perplexity", xticks=epochs[4::5])
axes.legend()
figure

# %% [markdown]
# When we ran this, on the sonnets that come with the package and on
# Shakespeare's, two narrow layers predicted better than one wide layer, and
# the ranges of the two did not even touch. The ranges of two and three layers
# overlap: five seeds do not say which is better, and a single seed could have
# said either. (All three had the same learning rate and number of epochs:
# this compares these trainings, not the best of each depth.)

# %%
settings = {
    "seed": seed, "ctx": ctx, "num_hiddens": num_hiddens,
    "num_layers": num_layers, "num_epochs": num_epochs,
    "num_steps": num_steps, "batch_size": batch_size, "lr": lr,
    "clipping_theta": clipping_theta, "pred_period": pred_period,
    "pred_len": pred_len, "prefixes": prefixes}
report = d2l.write_report("deep_rnn", histories, corpus, settings)

# %% [markdown]
# ## Summary
#
# * A deep recurrent network feeds each layer's hidden states to the next; a
#   state reads its own layer one step earlier and the layer below.
# * Layers and steps are independent choices: of a cell, `deep` needs only
#   that the first array of its state is the hidden state, and that its
#   parameters end with those of the output layer.
# * To compare depths, keep the number of parameters, use several seeds, and
#   measure on text that no model has read.
# * States of equal shape can end up in the wrong layer without an error. A
#   known model with the same weights shows it.
#
# ## Exercises
#
# 1. (\*) Put `d2l.lstm` into `deep`, with three layers. How many arrays has
#    the state now, and what is each of them?
# 2. (\*) Close this page and write `deep` from its description.
#    `d2l.check("deep_rnn", 2, deep)` says what differs.
# 3. (\*) In the example by hand, what does a third layer output?
# 4. (\*\*) What must `num_params` become for `cell="lstm"`? With $d = 60$,
#    how many hidden units do two layers get to have as many parameters as
#    one layer of 128?
# 5. (\*\*) Swap the two loops of `deep`: first all steps of a layer, then
#    the next layer. What would `cell` have to return for that, and what can
#    the output layer of each cell be so that no cell has to change?
# 6. (\*\*\*) Give the output layer the hidden states of all layers, side by
#    side (Graves 2013). Does a network of two layers learn 500 characters
#    faster then?
#
# ## Further reading
#
# * A. Graves, *Generating Sequences With Recurrent Neural Networks*, 2013:
#   deep LSTMs whose output layer reads all layers.
# * R. Pascanu, C. Gulcehre, K. Cho and Y. Bengio, *How to Construct Deep
#   Recurrent Neural Networks*, 2014: other places for further layers.
# * W. Zaremba, I. Sutskever and O. Vinyals, *Recurrent Neural Network
#   Regularization*, 2014: dropout between the layers.
#
# In the book, deep networks are section 6.9 of the first edition and 9.3 of
# the second. Next: [Bidirectional recurrent networks](bi_rnn.py).
