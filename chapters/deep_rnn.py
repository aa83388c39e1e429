# %% [markdown]
# # Deep recurrent networks
#
# One recurrent layer can be put on another: the hidden states of layer
# $\ell - 1$ are the inputs of layer $\ell$. With $\mathbf{H}_t^{(0)} =
# \mathbf{X}_t$ and $L$ layers,
#
# $$\mathbf{H}_t^{(\ell)} = \tanh(\mathbf{H}_t^{(\ell-1)}
#   \mathbf{W}_{xh}^{(\ell)} + \mathbf{H}_{t-1}^{(\ell)}
#   \mathbf{W}_{hh}^{(\ell)} + \mathbf{b}_h^{(\ell)}), \qquad
#   \mathbf{O}_t = \mathbf{H}_t^{(L)} \mathbf{W}_{hq} + \mathbf{b}_q.$$
#
# The cell may be any of the lessons before. Here three functions make a deep
# one of it: they take the cell's own three functions and a number of layers.

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
# scores the next character, but only the last score is kept; the compiled
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
# ## The same in Gluon
#
# Gluon's layers take the number of layers as an argument.

# %%
d2l.seed(seed)
model = d2l.RNNModel(rnn_layers.RNN(
    num_hiddens, num_layers, activation="tanh"), vocab_size)
histories["2 layers in Gluon"] = d2l.train_and_predict_rnn_gluon(
    model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
    char_to_idx, num_epochs, num_steps, lr, clipping_theta, batch_size,
    pred_period, pred_len, prefixes)

# %% [markdown]
# ## The perplexity report

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
# ## What was seen
#
# With the Jay Chou lyrics: perplexity 3.273 from scratch, 3.351 in Gluon. So
# early, two layers are no better than one.
#
# ## Summary
#
# * A deep recurrent network feeds each layer's hidden states to the next.
# * Layers and steps are independent choices: `deep` needs to know nothing of
#   the cell but its three functions.
#
# ## Exercises
#
# 1. Put `d2l.lstm` into `deep`. What is in the state now?
# 2. Train three layers of 128 hidden units. Is the perplexity lower than with
#    one layer of 256?
# 3. Swap the two loops of `deep`: first all steps of a layer, then the next
#    layer. What would `cell` have to return for that?
