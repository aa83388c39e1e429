# %% [markdown]
# # Gated recurrent units
#
# What if the state could simply stay? A plain recurrent network computes its
# whole hidden state anew at every step, whether or not anything has happened
# that is worth writing down. A gated recurrent unit (GRU) decides at each
# step, and for each unit, how much of the old state to keep.
#
# After this lesson you can
#
# * say why a product of many factors makes a gradient vanish, and how a gate
#   puts a factor of 1 in their place;
# * write a GRU from its equations, and test it at its limits;
# * read the gates of a trained model over a few lines of text.
#
# You need the [recurrent network from scratch](rnn_scratch.py), [its concise
# version](rnn_gluon.py), and [back-propagation through time](bptt.py). On two
# CPU cores the lesson takes about four minutes. The letters are those of the
# [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
from mxnet import autograd, nd
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## Why a state should be able to stay
#
# Take a plain network with a single hidden unit,
# $h_t = \tanh(w_x x_t + w_h h_{t-1} + b)$. How strongly does the state at
# step $t + k$ depend on the state at step $t$? The chain rule gives [one
# factor for each step](bptt.py) in between:
#
# $$\frac{\partial h_{t+k}}{\partial h_t}
#   = \prod_{j=t+1}^{t+k} (1 - h_j^2)\, w_h.$$
#
# The slope $1 - h_j^2$ is at most 1, so only $w_h$ can make up for it, and it
# would have to do so exactly: the product grows or shrinks like a power.

# %%
num_steps = 35
for factor in (0.5, 0.9, 1, 1.1):
    print(f"{factor:3} ** {num_steps} = {factor ** num_steps:.1e}")

# %% [markdown]
# Over enough steps a factor below 1 makes the gradient vanish, one above
# makes it explode. Clipping cannot bring back one that is gone. So let us
# compute the state so that the factor can be 1. Make the new state a mixture
# of the old state and of a candidate $\tilde h_t$, with a gate $z_t$ between
# 0 and 1:
#
# $$h_t = z_t h_{t-1} + (1 - z_t) \tilde h_t.$$
#
# With $h_{t-1} = 0.8$, $\tilde h_t = -0.4$ and $z_t = 0.9$ the new state is
# $0.9 \cdot 0.8 + 0.1 \cdot (-0.4) = 0.68$. The direct path from $h_{t-1}$ to
# $h_t$ has the factor $z_t$ and no weight. Where $z_t = 1$ the state stays as
# it is, and so does its gradient. Where $z_t = 0.98$ at each of 35 steps,
# half of both is left, since $0.98^{35} = 0.49$.
#
# ## Two gates
#
# A GRU has two gates. Both are computed from the input and the state, like a
# hidden state, but with the sigmoid $\sigma$, whose values lie between 0 and
# 1:
#
# $$\mathbf{Z}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xz}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hz} + \mathbf{b}_z),$$
#
# $$\mathbf{R}_t = \sigma(\mathbf{X}_t \mathbf{W}_{xr}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hr} + \mathbf{b}_r).$$
#
# The reset gate $\mathbf{R}_t$ says what the candidate sees of the old state:
#
# $$\begin{aligned}\tilde{\mathbf{H}}_t = \tanh(&\mathbf{X}_t
#   \mathbf{W}_{xh}\\ &+ (\mathbf{R}_t \odot \mathbf{H}_{t-1})
#   \mathbf{W}_{hh} + \mathbf{b}_h).\end{aligned}$$
#
# The update gate $\mathbf{Z}_t$ says how much of the old state stays:
#
# $$\mathbf{H}_t = \mathbf{Z}_t \odot \mathbf{H}_{t-1}
#   + (1 - \mathbf{Z}_t) \odot \tilde{\mathbf{H}}_t.$$
#
# {numref}`fig-gru` shows the same as a flow of data.
#
# ```{figure} /figures/gru.svg
# :name: fig-gru
# :alt: The data flow of one step of a gated recurrent unit.
#
# One step of a GRU. The reset gate acts on what the candidate sees, the
# update gate on what becomes of the state.
# ```
#
# ## Parameters and operations
#
# There is one set of weights for each gate and one for the candidate.


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
# So the recurrent layer has three times the parameters of a plain one. How
# much work is one step of one example? As its input is one-hot, the product
# $\mathbf{X}_t \mathbf{W}_{xh}$ is one row of $\mathbf{W}_{xh}$, which takes
# no multiplication. Each product with the state takes $h \cdot h$ of them,
# the output layer $h \cdot q$; the few times $h$ that gates take are little.

# %%
num_hiddens = 256
params = get_gru_params(vocab_size, num_hiddens, ctx)
plain = d2l.get_params(vocab_size, num_hiddens, ctx)
for name, layer in (("GRU", params), ("plain", plain)):
    size = sum(param.size for param in layer[:-2])
    products = sum(W_h.size for W_h in layer[1:-2:3])
    print(f"{name:<5} recurrent layer: {size:,} parameters, {products:,} "
          f"multiplications; output layer: {layer[-2].size:,}")

# %% [markdown]
# ## The model
#
# The state is as before, and the cell transcribes the equations.


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


# %% [markdown]
# ## At its limits
#
# A formula with gates is easily written the wrong way round, which raises no
# error. It shows when a large bias forces the gates open or shut. With
# $\mathbf{Z}_t = 1$ the last state must equal the first; with
# $\mathbf{Z}_t = 0$ and $\mathbf{R}_t = 1$ the GRU must be the plain network.


# %%
def with_biases(params, z, r):
    params = list(params)
    params[2] = nd.full(num_hiddens, z, ctx=ctx)
    params[5] = nd.full(num_hiddens, r, ctx=ctx)
    return params


ids = nd.array([corpus_indices[:num_steps]], ctx=ctx)  # (1, num_steps)
inputs = d2l.to_onehot(ids, vocab_size)
H = nd.random.normal(shape=(1, num_hiddens), ctx=ctx)
_, (kept,) = gru(inputs, (H,), with_biases(params, z=50, r=0))
assert (kept == H).min().asscalar() == 1, "Z = 1 copies the state"
_, (like_plain,) = gru(inputs, (H,), with_biases(params, z=-50, r=50))
_, (expected,) = d2l.rnn(inputs, (H,), params[6:])
assert (like_plain - expected).abs().max().asscalar() < 1e-5

# %% [markdown]
# The gradient tells the same story. Before any training, how large is that
# of the sum of the last state with respect to the first, as a mean absolute
# value? The direct path alone has a factor of about $\sigma(b_z)$ for each
# of the 35 steps.


# %%
def gradient_back(cell, params):
    H.attach_grad()
    with autograd.record():
        _, (H_last,) = cell(inputs, (H,), params)
    H_last.backward()  # of the sum of its elements
    return H.grad.abs().mean().asscalar()


reach, path = {}, {}
for z in (50, 4, 0):
    reach[z] = gradient_back(gru, with_biases(params, z, r=0))
    path[z] = nd.array([z]).sigmoid().asscalar() ** num_steps
    print(f"b_z = {z:2}: gradient {reach[z]:.1e}, direct path {path[z]:.1e}")
print(f"plain network: {gradient_back(d2l.rnn, plain):.1e}")
assert reach[50] == 1 and abs(reach[4] / path[4] - 1) < 0.1

# %% [markdown]
# Where the gate is open, the direct path is nearly all of the gradient: what
# arrives can be computed on paper. But training starts with a bias of 0 and
# the gate near one half; a GRU *can* keep a state, but has to learn to. (The
# plain network's first weights are small.)
#
# ## Training
#
# The loop takes the cell as an argument, so it trains this one as it is. We
# draw the parameters ourselves, to look into them afterwards.

# %%
settings = {"num_hiddens": num_hiddens, "ctx": ctx, "num_steps": num_steps,
            "num_epochs": d2l.epochs(160), "batch_size": 32, "lr": 1e2,
            "clipping_theta": 1e-2, "pred_period": d2l.epochs(40),
            "pred_len": 50, "prefixes": ["分开", "不分开"]}
text = {"vocab_size": vocab_size, "corpus_indices": corpus_indices,
        "idx_to_char": idx_to_char, "char_to_idx": char_to_idx}
d2l.seed(seed)
params = get_gru_params(vocab_size, num_hiddens, ctx)
histories = {"GRU from scratch": d2l.train_and_predict_rnn(
    gru, lambda: params, init_gru_state, is_random_iter=False, **text,
    **settings)}

# %% [markdown]
# ## What the gates do
#
# We read the first characters of the text with the trained model, and compute
# the gates of each step. Every row of a picture is a hidden unit, every
# column a character; the units are sorted by their mean update gate.

# %%
W_xz, W_hz, b_z, W_xr, W_hr, b_r = params[:6]
(H,), Z, R = init_gru_state(1, num_hiddens, ctx), [], []
for X in inputs:
    Z.append(nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z))
    R.append(nd.sigmoid(nd.dot(X, W_xr) + nd.dot(H, W_hr) + b_r))
    _, (H,) = gru([X], (H,), params)
Z, R = (nd.concat(*gate, dim=0).asnumpy().T for gate in (Z, R))
order = Z.mean(axis=1).argsort()[::-1]
line = "".join(idx_to_char[i] for i in corpus_indices[:num_steps])
print(line)
figure = d2l.new_figure((7, 4))
for axes, gate, name in zip(figure.subplots(1, 2), (Z, R), "ZR", strict=True):
    image = axes.imshow(gate[order], vmin=0, vmax=1, aspect="auto")
    axes.set(title=name, xlabel="step", ylabel="unit", xticks=[
        t for t, char in enumerate(line) if char == " "])
figure.colorbar(image, ax=figure.axes, label="0: shut, 1: open")
figure

# %% [markdown]
# In Z, a unit that remembers is dark where it writes and bright afterwards.
# Rows that are dark almost throughout replace their state at each step, as
# plain units do. The ticks mark the spaces, which end lines of the text. For
# how many steps in a row do units keep more than half of what they held one
# step before? (Over three steps that may leave as little as $0.5^3 = 0.13$.)

# %%
for k in (1, 3, 5, 10):
    stays = sum((Z[:, t:t + k] > 0.5).all(axis=1)
                for t in range(num_steps - k + 1))
    print(f"for {k:>2} steps in a row: {(stays > 0).sum():>3} units")
after = [t for t in range(1, num_steps) if line[t - 1] == " "]
print(f"mean of Z {Z.mean():.2f}, just after spaces {Z[:, after].mean():.2f}")

# %% [markdown]
# With all epochs, many units do so for three steps in a row, few for five,
# and next to none for ten, about a line. Just after a space, as a line
# begins, it replaces more than elsewhere.
#
# ## The same in Gluon

# %%
d2l.seed(seed)
model = d2l.RNNModel(rnn_layers.GRU(num_hiddens), vocab_size)
histories["GRU in Gluon"] = d2l.train_and_predict_rnn_gluon(
    model, **text, **settings)

# %% [markdown]
# ## A common mistake: two places for the reset gate
#
# "GRU" names two models. In ours, which is the book's, the reset gate acts
# *before* the product with $\mathbf{W}_{hh}$. In Gluon's layer, in PyTorch's,
# and in the `CharRNN` of this package it acts *after* it:
#
# $$\begin{aligned}\tilde{\mathbf{H}}_t = \tanh(&\mathbf{X}_t
#   \mathbf{W}_{xh}\\ &+ \mathbf{R}_t \odot (\mathbf{H}_{t-1}
#   \mathbf{W}_{hh}) + \mathbf{b}_h).\end{aligned}$$
#
# (A second bias, inside the parentheses, is 0 here.) Then all products with
# $\mathbf{H}_{t-1}$ can be one, which can be faster. The weights of both have
# the same shapes, so nothing complains when one gets the other's.


# %%
def layer_of(params):
    layer = rnn_layers.GRU(num_hiddens, input_size=vocab_size)
    layer.initialize(ctx=ctx)
    # the layer's order is reset gate, update gate, candidate
    W_x, W_h, b = zip(params[3:6], params[:3], params[6:9], strict=True)
    layer.l0_i2h_weight.set_data(nd.concat(*W_x, dim=1).T)
    layer.l0_h2h_weight.set_data(nd.concat(*W_h, dim=1).T)
    layer.l0_i2h_bias.set_data(nd.concat(*b, dim=0))
    return layer


params = [10 * W for W in get_gru_params(vocab_size, num_hiddens, ctx)]
H = nd.random.normal(shape=(1, num_hiddens), ctx=ctx)
apart = {}
for r in (0, 50):
    biased = with_biases(params, z=0, r=r)
    _, (ours,) = gru(inputs[:5], (H,), biased)
    _, (theirs,) = layer_of(biased)(nd.stack(*inputs[:5]), [H.expand_dims(0)])
    apart[r] = (ours - theirs[0]).abs().max().asscalar()
    print(f"b_r = {r:2}: states differ by up to {apart[r]:.1e} in 5 steps")
assert apart[50] < 1e-4 < 1e-2 < apart[0]

# %% [markdown]
# With the reset gate forced open its place makes no difference, which proves
# that the weights were copied in the right order; with the gate half open the
# models drift apart.
#
# ## Results

# %%
d2l.plot_perplexity(histories, corpus)

# %% [markdown]
# With the Jay Chou lyrics, the recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- gru -->
# :end-before: <!-- end of gru -->
# ```
#
# Do the gates help? Let a plain network and the GRU learn a short text by
# heart. These are the perplexities of five seeds, sorted:

# %%
small = {**text, **settings, "corpus_indices": corpus_indices[:1000],
         "num_hiddens": 64, "num_epochs": d2l.epochs(100), "num_steps": 10,
         "batch_size": 8, "pred_period": 999, "prefixes": []}
for name, cell, draw in (("plain", d2l.rnn, d2l.get_params),
                         ("GRU", gru, get_gru_params)):
    runs = []
    for s in range(1, 6):
        d2l.seed(s)
        runs.append(d2l.train_and_predict_rnn(
            cell, draw, init_gru_state, is_random_iter=False, **small))
    for epoch in sorted({d2l.epochs(40), d2l.epochs(100)}):
        numbers = sorted(run[epoch - 1]["perplexity"] for run in runs)
        print(f"{name:<5} epoch {epoch:>3}:", *map("{:.2f}".format, numbers))

# %% [markdown]
# With all epochs, on the lyrics that come with the package, the GRU starts
# more slowly, perhaps since it first has to learn its gates; then it
# overtakes the plain network, with every seed. But it has three times the
# parameters in its layer, and a text learned by heart asks for no long
# memory. [One that does ask for it](long_memory.py) shows what gates are for.

# %%
report = d2l.write_report("gru", histories, corpus,
                          {"seed": seed, **settings})

# %% [markdown]
# ## Summary
#
# * A gradient that passes many steps is a product of many factors. In a plain
#   network it vanishes or explodes; the update gate offers a path on which
#   each factor is $\mathbf{Z}_t$, which can be near 1.
# * The reset gate decides what the candidate sees of the old state.
# * Gates forced to 0 or 1 turn the cell into something known: a cheap test.
# * Two models are called GRU, and their weights cannot be exchanged.
#
# ## Exercises
#
# 1. (\*) In the worked example, which $z_t$ makes the new state 0?
# 2. (\*) Close this page and write `gru` from its equations.
#    `d2l.check("gru", 2, gru)` says what differs.
# 3. (\*\*) Put $1 - \mathbf{Z}_t$ in front of the old state, as many papers
#    do, and $\mathbf{Z}_t$ in front of the candidate. Which assertion fails
#    first? Would such a model train as well?
# 4. (\*\*) Set $\mathbf{R}_t$ to 1 in `gru`, and compare five seeds on a
#    short text. Is the reset gate worth its parameters there?
# 5. (\*\*\*) Derive the gradient along all paths from $\mathbf{H}_{t-1}$ to
#    $\mathbf{H}_t$, and check it against that of autograd.
#
# ## Further reading
#
# * *Dive into Deep Learning*: section 6.7 of the first Chinese edition,
#   section 9.1 of the second.
# * K. Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder
#   for Statistical Machine Translation*, 2014: the GRU.
# * J. Chung, C. Gulcehre, K. Cho and Y. Bengio, *Empirical Evaluation of
#   Gated Recurrent Neural Networks on Sequence Modeling*, 2014.
# * Y. Bengio, P. Simard and P. Frasconi, *Learning Long-Term Dependencies
#   with Gradient Descent is Difficult*, 1994.
#
# Next: [long short-term memory](lstm.py).
