# %% [markdown]
# # Solutions: the second edition
#
# The exercises are at the end of `second_edition.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs: the parts of the lesson, and a short training.

# %%
import contextlib
import sys

import d2lrnn as d2l
import mxnet as mx
from mxnet import autograd, gluon, nd

try:
    from d2l import mxnet as d2l2
except ImportError:
    sys.exit(print("these solutions need the package d2l 1.0.3, which Python "
                   "3.10 and 3.11 can install: pip install d2l==1.0.3"))

batch_size, num_steps, num_hiddens = 32, 16, 64
loss = gluon.loss.SoftmaxCrossEntropyLoss()
corpus = d2l.load_corpus("original_sonnets.txt")


class Sonnets(d2l2.TimeMachine):
    def _download(self):
        return corpus.text


@contextlib.contextmanager
def second_edition():
    with mx.util.np_shape(True), mx.util.np_array(True):
        yield


with second_edition():
    data = Sonnets(batch_size, num_steps)
vocab = data.vocab
vocab_size = len(vocab)
ids = vocab[list(data._preprocess(corpus.text))]


def losses(X, Y, state, params):
    outputs, state = d2l.rnn(d2l.to_onehot(X, vocab_size), state, params)
    return loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,))), state


def zeros():
    return d2l.init_rnn_state(batch_size, num_hiddens, None)


d2l.seed(1)
params = d2l.get_params(vocab_size, num_hiddens)
for _ in range(3):
    for X, Y in d2l.data_iter_consecutive(ids, batch_size, num_steps):
        with autograd.record():
            l = losses(X, Y, zeros(), params)[0].mean()
        l.backward()
        d2l.grad_clipping(params, 1e-2)
        d2l.sgd(params, 1e2, 1)

# %% [markdown]
# ## 1
#
# A step is $\eta$ times the clipped gradient. How long is that at most?
#
# ### Solution
#
# The clipped gradient is no longer than $\theta$, so a step is no longer than
# $\eta \theta$: here $4 \cdot 1 = 4$. With $\theta = 0.01$, the learning rate
# 400 gives the same bound. The steps of two such trainings still differ where
# a gradient is shorter than $\theta$: of a gradient of norm 0.1, the first
# makes a step of 0.4, the second one of 4.


# %%
def length_of_step(norm, lr, theta):
    param = nd.zeros(2)
    param.attach_grad()
    param.grad[:] = nd.array([0.6 * norm, 0.8 * norm])
    d2l.grad_clipping([param], theta)
    d2l.sgd([param], lr, 1)
    return param.norm().asscalar()


for norm, first, second in ((50, 4, 4), (0.1, 0.4, 4)):
    assert abs(length_of_step(norm, 4, 1) - first) < 1e-4
    assert abs(length_of_step(norm, 400, 0.01) - second) < 1e-4

# %% [markdown]
# ## 2
#
# Both need the numbering of the characters: for `predict_rnn` it is
# `vocab.idx_to_token` and `vocab.token_to_idx`.
#
# ### Solution
#
# Yes, character for character: both warm up the state with the prefix, then
# take the character with the highest score and read it next.

# %%
ours = d2l.predict_rnn("the hand ", 40, d2l.rnn, params, d2l.init_rnn_state,
                       num_hiddens, vocab_size, None, vocab.idx_to_token,
                       vocab.token_to_idx)
with second_edition():
    model = d2l2.RNNLMScratch(d2l2.RNNScratch(vocab_size, num_hiddens),
                              vocab_size)
    (model.rnn.W_xh[:], model.rnn.W_hh[:], model.rnn.b_h[:], model.W_hq[:],
     model.b_q[:]) = (param.as_np_ndarray() for param in params)
    theirs = model.predict("the hand ", 40, vocab)
print(theirs)
assert ours == theirs

# %% [markdown]
# ## 3
#
# Two loops over the same mini-batches, without `autograd.record`. Compare the
# losses of each of the `num_steps` steps as well.
#
# ### Solution
#
# Less than a twentieth of a nat here, nearly all of it in the first steps of
# a mini-batch. With zeros, the network predicts the first label from one
# character, the second from two; with the state carried along, each from all
# that came before. (This network was trained from zeros at each mini-batch,
# and can use another state all the same.)

# %%
by_step = {}
for name in ("zeros", "carried"):
    state, rows = zeros(), []
    for X, Y in d2l.data_iter_consecutive(ids, batch_size, num_steps):
        l, last = losses(X, Y, state, params)
        rows.append(l.reshape((num_steps, batch_size)).mean(axis=1))
        if name == "carried":
            state = last
    by_step[name] = nd.stack(*rows).mean(axis=0).asnumpy()
for name, nats in by_step.items():
    print(f"{name}: {nats.mean():.3f} nats; of the first steps",
          nats[:4].round(2))
given_up = by_step["zeros"] - by_step["carried"]
print(f"given up: {given_up.mean():.3f} nats")
assert 0 < given_up.mean() < 0.05
assert given_up[:3].sum() > 0.9 * given_up.sum()


# %% [markdown]
# ## 4
#
# Gluon's matrices are transposed and hold the gates R, Z and the candidate,
# one below another. On which side of the product with $\mathbf{W}_{hh}$ is
# the reset gate?
#
# ### Solution
#
# With the first. The second edition's class holds the same layer of Gluon, in
# which the reset gate comes after the product,
# $\mathbf{R}_t \odot (\mathbf{H}_{t-1} \mathbf{W}_{hh})$. In our `gru`, as
# in the formulas of either edition, it comes before it,
# $(\mathbf{R}_t \odot \mathbf{H}_{t-1}) \mathbf{W}_{hh}$. For a full matrix
# these are two functions. They agree where all reset gates are open, as with
# a bias of 50.

# %%
h, inputs = 8, nd.random.normal(shape=(5, 3, vocab_size))


def states_of(kind, arrays):
    """Run a layer of the second edition with weights in Gluon's order."""
    with second_edition():
        layer = d2l2.GRU(h, 1)
        layer.initialize()
        layer(inputs.as_np_ndarray())  # now the shapes are known
        for p, value in zip(layer.collect_params().values(), arrays,
                            strict=True):
            p.set_data(value.as_np_ndarray())
        return layer(inputs.as_np_ndarray())[0].asnumpy()


layer = gluon.rnn.GRU(h)
layer.initialize(mx.init.Normal(0.5))
first = layer(inputs).asnumpy()
arrays = [p.data() for p in layer.collect_params().values()]
assert abs(states_of("gluon", arrays) - first).max() < 1e-5

weights = d2l.get_gru_params(vocab_size, h)
for reset_bias in (0, 50):
    for param in weights:
        param[:] = nd.random.normal(scale=0.5, shape=param.shape)
    weights[5][:] += reset_bias
    (W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq,
     b_q) = weights
    scores, _ = d2l.gru([*inputs], d2l.init_gru_state(3, h, None), weights)
    states = states_of("ours", [
        nd.concat(W_xr.T, W_xz.T, W_xh.T, dim=0),
        nd.concat(W_hr.T, W_hz.T, W_hh.T, dim=0),
        nd.concat(b_r, b_z, b_h, dim=0), nd.zeros(3 * h)])
    theirs = nd.dot(nd.array(states), W_hq) + b_q
    difference = abs(nd.stack(*scores) - theirs).max().asscalar()
    print(f"bias of the reset gate + {reset_bias}: {difference:.1g}")
    assert (difference < 1e-4) == (reset_bias == 50)
