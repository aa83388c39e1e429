# %% [markdown]
# # Solutions: a recurrent neural network in Gluon
#
# The exercises are at the end of `rnn_gluon.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn
from mxnet.gluon import rnn as rnn_layers

ctx = d2l.try_gpu()
corpus_indices, _, _, vocab_size = d2l.load_data_jay_lyrics()

# %% [markdown]
# ## 1
#
# Print the shapes in `rnn_layer.collect_params()`. Then compare the gradients
# of the two biases after one `backward`.
#
# ### Solution
#
# They are a second bias of the recurrent layer, with one number for each
# hidden unit: one bias is added to the product with the input, one to that
# with the state. Without it the model could compute the same functions, as
# only the sum of the two matters. The training would differ a little: both
# biases get the same gradient, so their sum takes steps twice as long, and in
# the norm, by which the gradient is clipped, this gradient counts twice.

# %%
loss = gloss.SoftmaxCrossEntropyLoss()
chars = corpus_indices[:1000]
d2l.seed(1)
model = d2l.RNNModel(rnn_layers.RNN(64, activation="tanh"), vocab_size)
model.initialize(ctx=ctx)
X, Y = next(d2l.data_iter_consecutive(chars, 10, 10, ctx))
with autograd.record():
    output, _ = model(X, model.begin_state(batch_size=10, ctx=ctx))
    l = loss(output, Y.T.reshape((-1,))).mean()
l.backward()
of_input, of_state = model.rnn.l0_i2h_bias, model.rnn.l0_h2h_bias
assert of_input.shape == of_state.shape == (64,)
assert (of_input.grad() == of_state.grad()).min().asscalar() == 1
assert of_input.grad().norm().asscalar() > 0

# %% [markdown]
# ## 2
#
# `begin_state` answers the first question. For the second, a small part of
# the text is enough: pass `corpus_indices[:1000]`, and batches of 10 by 10.
#
# ### Solution
#
# The state is still a list of one array, now of shape (2, batch_size,
# num_hiddens): one hidden state for each layer. The perplexity falls more
# slowly at first. One explanation is that a character now passes three
# matrices of weights near 0 on its way to the scores, and not two, so that
# little of the character arrives there in the beginning.

# %%
import numpy as np


def train(layer, num_epochs, is_random_iter=False, labels=lambda Y: Y.T):
    """Train on the first 1,000 characters; return model and perplexity."""
    d2l.seed(1)
    model = d2l.RNNModel(layer, vocab_size)
    model.initialize(init.Normal(0.01), ctx)
    trainer = gluon.Trainer(model.collect_params(), "sgd",
                            {"learning_rate": 1e2})
    sampler = (d2l.data_iter_random if is_random_iter
               else d2l.data_iter_consecutive)
    for _ in range(num_epochs):
        state, losses = model.begin_state(batch_size=10, ctx=ctx), []
        for X, Y in sampler(chars, 10, 10, ctx):
            if is_random_iter:
                state = model.begin_state(batch_size=10, ctx=ctx)
            state = [s.detach() for s in state]
            with autograd.record():
                output, state = model(X, state)
                l = loss(output, labels(Y).reshape((-1,))).mean()
            l.backward()
            params = [p.data() for p in model.collect_params().values()]
            d2l.grad_clipping(params, 1e-2, ctx)
            trainer.step(1)
            losses.append(l.asscalar())
    return model, d2l.perplexity(np.mean(losses))


two_layers = rnn_layers.RNN(64, activation="tanh", num_layers=2)
(state,) = two_layers.begin_state(batch_size=10)
assert state.shape == (2, 10, 64)
_, one = train(rnn_layers.RNN(64, activation="tanh"), 20)
_, two = train(two_layers, 20)
print(f"perplexity after 20 epochs: {one:.0f}, with two layers {two:.0f}")
assert one < two

# %% [markdown]
# ## 3
#
# In which order does `self.dense` return the scores: step after step, or
# example after example? And in which order does `Y.reshape((-1,))` put the
# labels?
#
# ### Solution
#
# Both have num_steps · batch_size rows, so no shape gives the mistake away.
# But the scores come step after step, and these labels example after example:
# nearly all scores are compared with the label of another place. Nothing in
# the text joins the two, so such pairs can only be learned by heart. After 20
# epochs the perplexity is still above that of a guess which only knows how
# frequent each character is.

# %%
_, wrong = train(rnn_layers.RNN(64, activation="tanh"), 20,
                 labels=lambda Y: Y)
frequency = np.bincount(chars) / len(chars)
frequency = frequency[frequency > 0]
guess = np.exp(-(frequency * np.log(frequency)).sum())
print(f"{wrong:.0f} instead of {one:.0f}; a guess by frequency: {guess:.0f}")
assert max(one, guess) < wrong

# %% [markdown]
# ## 4
#
# An embedding looks up a row of a matrix $\mathbf{E}$, of shape (vocab_size,
# 64): that is the product of a one-hot vector with $\mathbf{E}$. What follows
# it in the layer?
#
# ### Solution
#
# The layer multiplies the row by its own $\mathbf{W}_{xh}$, of shape (64,
# num_hiddens), so both are the same function if the model with one-hot
# vectors has the weights $\mathbf{E} \mathbf{W}_{xh}$. Instead of
# vocab_size · 256 numbers there are vocab_size · 64 + 64 · 256, fewer for
# every vocabulary of more than 85 characters. The price: $\mathbf{E}
# \mathbf{W}_{xh}$ has at most rank 64, which not every matrix of a model with
# one-hot vectors has.

# %%
class EmbeddedModel(nn.Block):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 64)
        self.rnn = rnn_layers.RNN(256, activation="tanh", input_size=64)
        self.dense = nn.Dense(vocab_size, in_units=256)

    def forward(self, inputs, state):
        Y, state = self.rnn(self.embedding(inputs.T), state)
        return self.dense(Y.reshape((-1, 256))), state


def num_params(model):
    return sum(p.data().size for p in model.collect_params().values())


embedded = EmbeddedModel(vocab_size)
embedded.initialize(init.Normal(0.1), ctx)
one_hot = d2l.RNNModel(rnn_layers.RNN(256, activation="tanh",
                                      input_size=vocab_size), vocab_size)
one_hot.initialize(ctx=ctx)
state = embedded.rnn.begin_state(batch_size=10, ctx=ctx)
one_hot(X, state)
for name in ("l0_h2h_weight", "l0_i2h_bias", "l0_h2h_bias"):
    getattr(one_hot.rnn, name).set_data(getattr(embedded.rnn, name).data())
one_hot.dense.weight.set_data(embedded.dense.weight.data())
one_hot.dense.bias.set_data(embedded.dense.bias.data())
E, W = embedded.embedding.weight.data(), embedded.rnn.l0_i2h_weight.data()
one_hot.rnn.l0_i2h_weight.set_data(nd.dot(E, W.T).T)
difference = (embedded(X, state)[0] - one_hot(X, state)[0]).abs().max()
assert difference.asscalar() < 1e-4
print(f"{num_params(embedded):,} parameters, with one-hot vectors "
      f"{num_params(one_hot):,}")
assert num_params(one_hot) - num_params(embedded) == (
    vocab_size * 256 - (vocab_size * 64 + 64 * 256))
assert 85 * 256 < 85 * 64 + 64 * 256 and 86 * 256 > 86 * 64 + 64 * 256

# %% [markdown]
# ## 5
#
# `begin_state` now belongs in the loop over the mini-batches, and `detach`
# is no longer needed. For reading through, a mini-batch of one row whose
# state is carried on will do, without `autograd.record`.
#
# ### Solution
#
# The model from consecutive sampling is about as good on the whole text as it
# was in training. The one from random sampling is clearly worse: in training
# it could begin anew every 10 characters, at the same places in each epoch,
# and it has never met a state that is older. So compare perplexities only if
# they were measured in the same way.


# %%
def read_through(model):
    state, losses = model.begin_state(batch_size=1, ctx=ctx), []
    for X, Y in d2l.data_iter_consecutive(chars, 1, 27, ctx):
        output, state = model(X, state)
        losses.append(loss(output, Y.T.reshape((-1,))).mean().asscalar())
    return d2l.perplexity(np.mean(losses))


through, ratio = {}, {}
for is_random_iter in (False, True):
    model, trained = train(rnn_layers.RNN(64, activation="tanh"), 40,
                           is_random_iter)
    through[is_random_iter] = read_through(model)
    ratio[is_random_iter] = through[is_random_iter] / trained
    print(f"random {is_random_iter}: perplexity {trained:.1f} in training, "
          f"{through[is_random_iter]:.1f} read through")
assert ratio[False] < 1.4 < ratio[True]
assert through[False] < through[True]
