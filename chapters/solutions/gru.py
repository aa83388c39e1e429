# %% [markdown]
# # Solutions: gated recurrent units
#
# The exercises are at the end of `gru.py`. In a notebook of that lesson the
# code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
from mxnet import autograd, nd

ctx = d2l.try_gpu()
corpus_indices, char_to_idx, idx_to_char, vocab_size = (
    d2l.load_data_jay_lyrics())
d2l.seed(1)

# %% [markdown]
# ## 1
#
# Set $z_t \cdot 0.8 + (1 - z_t) \cdot (-0.4)$ to 0, and solve for $z_t$.
#
# ### Solution
#
# $1.2 z_t = 0.4$, so $z_t = 1/3$. The old state is twice as large as the
# candidate, and has the other sign, so it gets half of the candidate's
# weight.

# %%
z = 1 / 3
assert abs(z * 0.8 + (1 - z) * -0.4) < 1e-9

# %% [markdown]
# ## 2
#
# Before the loop, unpack the eleven parameters and the state. In it, each of
# the equations is one line. The reset gate multiplies the state *before* the
# product with $\mathbf{W}_{hh}$.
#
# ### Solution
#
# `d2l.check` compares scores, state and gradients with those of the package,
# for arrays of random sizes. The definition in this lesson passes:

# %%
assert d2l.check("gru", 2, d2l.gru)


# %% [markdown]
# ## 3
#
# $1 - \sigma(a) = \sigma(-a)$. What does that make of the first weights,
# drawn from a normal distribution around 0?
#
# ### Solution
#
# The first assertion fails, "Z = 1 copies the state": the open gate now
# writes the candidate. Yet the model trains just as well. It is our GRU with
# the opposite signs in $\mathbf{W}_{xz}$, $\mathbf{W}_{hz}$ and
# $\mathbf{b}_z$, and first weights of either sign are equally probable.
# Papers write the update gate both ways, so what matters is that weights meet
# the formula with which they were trained.


# %%
def drawn(batch_size=2, d=5, h=4):
    """Return inputs of three steps, a state and parameters, at random."""
    params = [nd.random.normal(shape=param.shape)
              for param in d2l.get_gru_params(d, h)]
    inputs = [nd.random.normal(shape=(batch_size, d)) for _ in range(3)]
    return inputs, nd.random.uniform(-1, 1, (batch_size, h)), params


def other_way_round(inputs, state, params):
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z)
        R = nd.sigmoid(nd.dot(X, W_xr) + nd.dot(H, W_hr) + b_r)
        H_tilde = nd.tanh(nd.dot(X, W_xh) + nd.dot(R * H, W_hh) + b_h)
        H = (1 - Z) * H + Z * H_tilde
        outputs.append(nd.dot(H, W_hq) + b_q)
    return outputs, (H,)


inputs, H, params = drawn()
opposite = [-param for param in params[:3]] + params[3:]
_, (expected,) = d2l.gru(inputs, (H,), params)
_, (same,) = other_way_round(inputs, (H,), opposite)
assert (same - expected).abs().max().asscalar() < 1e-6
_, (written,) = other_way_round(inputs, (H,), [
    *params[:2], nd.full(4, 50), *params[3:]])
assert (written - H).abs().max().asscalar() > 0.1

# %% [markdown]
# ## 4
#
# With $\mathbf{R}_t = 1$ the parameters of the reset gate have no effect:
# leave them out, so that a set of parameters begins with those of the update
# gate and the candidate.
#
# ### Solution
#
# The reset gate has a third of the parameters of the recurrent layer. The
# perplexities of five seeds, sorted, tell whether it is worth them: if the
# two rows do not overlap, chance alone hardly explains the difference. When
# we ran this on the Jay Chou lyrics, every GRU ended lower than every cell
# without its reset gate; on the lyrics that come with the package, which so
# few epochs hardly teach, the rows overlapped. So the gate helps to learn
# some short texts by heart. Whether it helps on a held-out text is another
# question.


# %%
def without_reset(inputs, state, params):
    W_xz, W_hz, b_z, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z)
        H_tilde = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilde
        outputs.append(nd.dot(H, W_hq) + b_q)
    return outputs, (H,)


def get_params_without_reset(vocab_size, num_hiddens, ctx):
    params = d2l.get_gru_params(vocab_size, num_hiddens, ctx)
    return params[:3] + params[6:]


ends, sizes = {}, {}
for cell, get_params in ((d2l.gru, d2l.get_gru_params),
                         (without_reset, get_params_without_reset)):
    sizes[cell] = sum(p.size for p in get_params(vocab_size, 32, ctx)[:-2])
    ends[cell] = []
    for seed in range(1, 6):
        d2l.seed(seed)
        ends[cell].append(d2l.train_and_predict_rnn(
            cell, get_params, d2l.init_gru_state, 32, vocab_size, ctx,
            corpus_indices[:500], idx_to_char, char_to_idx,
            is_random_iter=False, num_epochs=20, num_steps=10, lr=1e2,
            clipping_theta=1e-2, batch_size=8, pred_period=999, pred_len=1,
            prefixes=[])[-1]["perplexity"])
    print(f"{cell.__name__:<13}", *(f"{p:.1f}" for p in sorted(ends[cell])))
assert sizes[without_reset] * 3 == sizes[d2l.gru] * 2

# %% [markdown]
# ## 5
#
# $\mathbf{H}_{t-1}$ stands in four places: beside $\mathbf{Z}_t$, in
# $\mathbf{Z}_t$, in $\mathbf{R}_t \odot \mathbf{H}_{t-1}$, and in
# $\mathbf{R}_t$. Let $\mathbf{G}$ be the gradient that arrives at
# $\mathbf{H}_t$, and follow it to each of them. The derivative of $\sigma$ is
# $\sigma (1 - \sigma)$, that of tanh $1 - \tanh^2$.
#
# ### Solution
#
# At the sums inside the tanh of the candidate and the $\sigma$ of the update
# gate arrive
#
# $$\begin{aligned} \mathbf{A} &= \mathbf{G} \odot (1 - \mathbf{Z}_t) \odot
#   (1 - \tilde{\mathbf{H}}_t^2), \\ \mathbf{B} &= \mathbf{G} \odot
#   (\mathbf{H}_{t-1} - \tilde{\mathbf{H}}_t) \odot \mathbf{Z}_t \odot
#   (1 - \mathbf{Z}_t), \end{aligned}$$
#
# and at the product $\mathbf{R}_t \odot \mathbf{H}_{t-1}$ arrives
# $\mathbf{D} = \mathbf{A} \mathbf{W}_{hh}^\top$. The gradient of
# $\mathbf{H}_{t-1}$ is the sum over the four paths:
#
# $$\begin{aligned} &\mathbf{G} \odot \mathbf{Z}_t
#   + \mathbf{B} \mathbf{W}_{hz}^\top + \mathbf{D} \odot \mathbf{R}_t \\
#   &+ \big(\mathbf{D} \odot \mathbf{H}_{t-1} \odot \mathbf{R}_t \odot
#   (1 - \mathbf{R}_t)\big) \mathbf{W}_{hr}^\top. \end{aligned}$$
#
# Only the first path has no weights: it is the one that the lesson follows.

# %%
(X, *_), H, params = drawn()
W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, *_ = params
Z = nd.sigmoid(nd.dot(X, W_xz) + nd.dot(H, W_hz) + b_z)
R = nd.sigmoid(nd.dot(X, W_xr) + nd.dot(H, W_hr) + b_r)
H_tilde = nd.tanh(nd.dot(X, W_xh) + nd.dot(R * H, W_hh) + b_h)
G = nd.random.normal(shape=H.shape)
A = G * (1 - Z) * (1 - H_tilde ** 2)
B = G * (H - H_tilde) * Z * (1 - Z)
D = nd.dot(A, W_hh.T)
by_hand = (G * Z + nd.dot(B, W_hz.T) + D * R
           + nd.dot(D * H * R * (1 - R), W_hr.T))
H.attach_grad()
with autograd.record():
    _, (H_next,) = d2l.gru([X], (H,), params)
H_next.backward(G)
assert (by_hand - H.grad).abs().max().asscalar() < 1e-5
