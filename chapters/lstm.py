# %% [markdown]
# # Long short-term memory
#
# A long short-term memory (LSTM) has a second state, the memory cell
# $\mathbf{C}_t$, to which information is added and from which it is dropped.
# Three gates decide:
#
# $$\mathbf{I}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xi}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hi} + \mathbf{b}_i), \quad
#   \mathbf{F}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xf}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hf} + \mathbf{b}_f), \quad
#   \mathbf{O}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xo}
#   + \mathbf{H}_{t-1} \mathbf{W}_{ho} + \mathbf{b}_o).$$
#
# The forget gate keeps the old cell, the input gate admits a candidate, and
# the output gate shows the cell to the rest of the network:
#
# $$\tilde{\mathbf{C}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xc}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hc} + \mathbf{b}_c), \quad
#   \mathbf{C}_t = \mathbf{F}_t \odot \mathbf{C}_{t-1}
#   + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t, \quad
#   \mathbf{H}_t = \mathbf{O}_t \odot \tanh(\mathbf{C}_t).$$

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
# ## Parameters
#
# One set for each of the three gates, one for the candidate.


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


# %% [markdown]
# ## The model
#
# The state is now two arrays, H and C. Only H reaches the output layer.


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


# %%
num_hiddens = 256
X = d2l.to_onehot(nd.arange(10, ctx=ctx).reshape((2, 5)), vocab_size)
outputs, (H, C) = lstm(X, init_lstm_state(2, num_hiddens, ctx),
                       get_lstm_params(vocab_size, num_hiddens, ctx))
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert H.shape == C.shape == (2, num_hiddens)

# %% [markdown]
# ## Training
#
# The same loop, the book's settings, consecutive sampling.

# %%
num_epochs, num_steps, batch_size = d2l.epochs(160), 35, 32
lr, clipping_theta = 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(40), 50, ["分开", "不分开"]
d2l.seed(seed)
histories = {"LSTM from scratch": d2l.train_and_predict_rnn(
    lstm, get_lstm_params, init_lstm_state, num_hiddens, vocab_size, ctx,
    corpus_indices, idx_to_char, char_to_idx, False, num_epochs, num_steps,
    lr, clipping_theta, batch_size, pred_period, pred_len, prefixes)}

# %% [markdown]
# ## The same in Gluon

# %%
d2l.seed(seed)
model = d2l.RNNModel(rnn_layers.LSTM(num_hiddens), vocab_size)
histories["LSTM in Gluon"] = d2l.train_and_predict_rnn_gluon(
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
    "num_epochs": num_epochs, "num_steps": num_steps,
    "batch_size": batch_size, "lr": lr, "clipping_theta": clipping_theta,
    "pred_period": pred_period, "pred_len": pred_len, "prefixes": prefixes}
report = d2l.write_report("lstm", histories, corpus, settings)

# %% [markdown]
# ## What was seen
#
# With the Jay Chou lyrics: perplexity 4.568 from scratch, 4.079 in Gluon.
# With more to learn, the LSTM needs more epochs than the GRU.
#
# ## Summary
#
# * The memory cell is added to, not rewritten: through the forget gate alone
#   a gradient goes back many steps.
# * Only the hidden state reaches the output layer; the cell stays inside.
#
# ## Exercises
#
# 1. Start with $\mathbf{b}_f = 1$, so that the cell is kept at first. Does
#    the perplexity fall faster?
# 2. The candidate is between -1 and 1 already. Why is there a second tanh, on
#    the cell?
# 3. Compare the seconds per epoch of the plain network, the GRU and the LSTM.
#    How do they follow from the number of matrix products?
