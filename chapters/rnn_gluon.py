# %% [markdown]
# # A recurrent neural network in Gluon
#
# The network of the lesson before, in a few lines: `mxnet.gluon.rnn` has the
# recurrent layer
#
# $$\mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hh} + \mathbf{b}_h)$$
#
# ready made and fast, and a dense layer scores the characters.

# %%
import d2lrnn as d2l  # before mxnet
from mxnet import nd
from mxnet.gluon import nn
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"text: {corpus.source}")
print(f"{vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## The recurrent layer
#
# It takes all steps at once, in the shape (num_steps, batch_size, features),
# and returns the hidden state of every step, and the last one apart. The
# state has one more dimension than ours had: a layer may be several layers.

# %%
num_hiddens, batch_size, num_steps = 256, 2, 35
rnn_layer = rnn_layers.RNN(num_hiddens, activation="tanh")
rnn_layer.initialize(ctx=ctx)
state = rnn_layer.begin_state(batch_size=batch_size, ctx=ctx)
X = nd.random.uniform(shape=(num_steps, batch_size, vocab_size), ctx=ctx)
Y, state_new = rnn_layer(X, state)
assert Y.shape == (num_steps, batch_size, num_hiddens)
assert len(state_new) == 1
assert state_new[0].shape == (1, batch_size, num_hiddens)

# %% [markdown]
# ## The model
#
# Characters become one-hot vectors, then hidden states, then scores. The
# scores come out step by step, as one matrix: one product instead of one for
# each step.


# %%
class RNNModel(nn.Block):
    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.dense = nn.Dense(vocab_size)

    def forward(self, inputs, state):
        X = nd.one_hot(inputs.T, self.vocab_size)
        Y, state = self.rnn(X, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, *args, **kwargs):
        return self.rnn.begin_state(*args, **kwargs)


model = RNNModel(rnn_layer, vocab_size)
model.initialize(ctx=ctx, force_reinit=True)
output, state = model(nd.zeros((batch_size, num_steps), ctx=ctx), state)
assert output.shape == (num_steps * batch_size, vocab_size)

# %% [markdown]
# ## Prediction
#
# The same as from scratch: read the prefix, then feed each chosen character
# back.


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


print(predict_rnn_gluon("分开", 10, model, vocab_size, ctx, idx_to_char,
                        char_to_idx))

# %% [markdown]
# ## Training
#
# `train_and_predict_rnn_gluon` is the loop of the lesson before, with
# consecutive sampling and a `gluon.Trainer` that takes the steps. The book's
# settings again.

# %%
num_epochs, batch_size, lr, clipping_theta = d2l.epochs(250), 32, 1e2, 1e-2
pred_period, pred_len, prefixes = d2l.epochs(50), 50, ["分开", "不分开"]
d2l.seed(seed)
histories = {"RNN in Gluon": d2l.train_and_predict_rnn_gluon(
    model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
    char_to_idx, num_epochs, num_steps, lr, clipping_theta, batch_size,
    pred_period, pred_len, prefixes)}

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
report = d2l.write_report("rnn_gluon", histories, corpus, settings)

# %% [markdown]
# ## What was seen
#
# On two cores of an AMD EPYC, with the Jay Chou lyrics, the report came after
# 53 seconds, 0.20 of them for an epoch, with a perplexity of 1.155.
#
# ## Summary
#
# * `gluon.rnn` layers run all steps in one operator.
# * Their state is a list of arrays of shape (num_layers, batch_size,
#   num_hiddens).
#
# ## Exercises
#
# 1. Compare the seconds per epoch with the lesson from scratch. Where does
#    the difference come from?
# 2. Use `rnn_layers.RNN(num_hiddens, num_layers=2)`. Does the perplexity
#    fall faster? Does it fall further?
