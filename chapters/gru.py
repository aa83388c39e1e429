# %% [markdown]
# # Gated recurrent units
#
# A plain recurrent network rewrites its whole hidden state at every step. A
# gated recurrent unit (GRU) learns when to keep it. Two gates, numbers
# between 0 and 1, are computed from the input and the state:
#
# $$\mathbf{Z}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xz}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hz} + \mathbf{b}_z), \qquad
#   \mathbf{R}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xr}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hr} + \mathbf{b}_r).$$
#
# The reset gate $\mathbf{R}_t$ says how much of the old state the candidate
# may see, the update gate $\mathbf{Z}_t$ how much of the old state stays:
#
# $$\tilde{\mathbf{H}}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + (\mathbf{R}_t \odot \mathbf{H}_{t-1}) \mathbf{W}_{hh} + \mathbf{b}_h),$$
#
# $$\mathbf{H}_t = \mathbf{Z}_t \odot \mathbf{H}_{t-1}
#   + (1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t.$$

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
# Three times the parameters of a plain recurrent layer: one set for each
# gate, one for the candidate.


# %%
def get_gru_params(vocab_size, num_hiddens, ctx=None):
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    def three():
        return (normal((vocab_size, num_hiddens)),
                normal((num_hiddens, num_hiddens)),
                nd.zeros(num_hiddens, ctx=ctx))

    W_xz, W_hz, b_z = three()  # the update gate
    W_xr, W_hr, b_r = three()  # the reset gate
    W_xh, W_hh, b_h = three()  # the candidate hidden state
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


# %% [markdown]
# ## The model
#
# The state has the shape that it had, and the cell is the formulas, line by
# line.


# %%
def init_gru_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def gru(inputs, state, params):
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z)
        R = nd.sigmoid(nd.dot(X, W_xr) + nd.dot(H, W_hr) + b_r)
        H_tilde = nd.tanh(nd.dot(X, W_xh) + nd.dot(R * H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %%
num_hiddens = 256
X = d2l.to_onehot(nd.arange(10, ctx=ctx).reshape((2, 5)), vocab_size)
outputs, state = gru(X, init_gru_state(2, num_hiddens, ctx),
                     get_gru_params(vocab_size, num_hiddens, ctx))
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert state[0].shape == (2, num_hiddens)

# %% [markdown]
# ## Training
#
# The loop takes the cell as an argument, so it trains this one as it is, with
# the book's settings and consecutive sampling.

# %%
num_epochs, num_steps, batch_size = d2l.epochs(160), 35, 32
lr, clipping_theta = 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(40), 50, ["分开", "不分开"]
d2l.seed(seed)
histories = {"GRU from scratch": d2l.train_and_predict_rnn(
    gru, get_gru_params, init_gru_state, num_hiddens, vocab_size, ctx,
    corpus_indices, idx_to_char, char_to_idx, False, num_epochs, num_steps,
    lr, clipping_theta, batch_size, pred_period, pred_len, prefixes)}

# %% [markdown]
# ## The same in Gluon
#
# One difference hides in the layer: its reset gate acts after the product
# with $\mathbf{W}_{hh}$, which lets all products of a step be one.

# %%
d2l.seed(seed)
model = d2l.RNNModel(rnn_layers.GRU(num_hiddens), vocab_size)
histories["GRU in Gluon"] = d2l.train_and_predict_rnn_gluon(
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
report = d2l.write_report("gru", histories, corpus, settings)

# %% [markdown]
# ## What was seen
#
# With the Jay Chou lyrics: perplexity 1.819 from scratch, 1.442 in Gluon.
#
# ## Summary
#
# * The reset gate lets a state be forgotten, the update gate lets it be kept.
# * A gradient goes back through $\mathbf{Z}_t \odot \mathbf{H}_{t-1}$ without
#   a weight matrix: it can reach far.
#
# ## Exercises
#
# 1. Which gate values turn a GRU into the plain recurrent network?
# 2. Set $\mathbf{R}_t$ to 1 in `gru`. How much does the perplexity suffer?
# 3. Write the cell with the reset gate after the product. Does it train as
#    well?
