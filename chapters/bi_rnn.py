# %% [markdown]
# # Bidirectional recurrent networks
#
# To fill in a missing word, what comes after it helps as much as what comes
# before. A bidirectional network has one cell that reads forwards and one
# that reads backwards, and scores a step from both hidden states:
#
# $$\mathbf{O}_t = \overrightarrow{\mathbf{H}}_t
#   \overrightarrow{\mathbf{W}}_{hq} + \overleftarrow{\mathbf{H}}_t
#   \overleftarrow{\mathbf{W}}_{hq} + \mathbf{b}_q.$$
#
# This lesson builds it from the cells of the lessons before, shows why it
# cannot be a language model, and lets it fill in masked characters.

# %%
import time

import d2lrnn as d2l  # before mxnet
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"text: {corpus.source}")
print(f"{vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## The model
#
# The backward cell gets the steps in reverse, and its scores are put back in
# order. Adding the scores of both is one product of both hidden states, side
# by side, with both output matrices, one below the other.


# %%
def get_bi_params(get_params):
    def get_params_of_both(vocab_size, num_hiddens, ctx=None):
        return [*get_params(vocab_size, num_hiddens, ctx),
                *get_params(vocab_size, num_hiddens, ctx)]

    return get_params_of_both


def init_bi_state(init_state):
    def init_states(batch_size, num_hiddens, ctx):
        return (*init_state(batch_size, num_hiddens, ctx),
                *init_state(batch_size, num_hiddens, ctx))

    return init_states


def bi(cell):
    def bi_cell(inputs, state, params):
        num_params, num_states = len(params) // 2, len(state) // 2
        forward, state_f = cell(inputs, state[:num_states],
                                params[:num_params])
        backward, state_b = cell(inputs[::-1], state[num_states:],
                                 params[num_params:])
        outputs = [Y_f + Y_b for Y_f, Y_b
                   in zip(forward, backward[::-1], strict=True)]
        return outputs, (*state_f, *state_b)

    return bi_cell


# %%
num_hiddens, num_steps, batch_size = 256, 35, 32
lr, clipping_theta = 1e2, 1e-2
bi_rnn = bi(d2l.rnn)
get_params = get_bi_params(d2l.get_params)
init_state = init_bi_state(d2l.init_rnn_state)
X = d2l.to_onehot(nd.arange(10, ctx=ctx).reshape((2, 5)), vocab_size)
outputs, state = bi_rnn(X, init_state(2, num_hiddens, ctx),
                        get_params(vocab_size, num_hiddens, ctx))
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert [H.shape for H in state] == [(2, num_hiddens)] * 2

# %% [markdown]
# In Gluon it is an argument of the layer, whose hidden states are twice as
# long.

# %%
layer = rnn_layers.RNN(num_hiddens, activation="tanh", bidirectional=True)
layer.initialize(ctx=ctx)
H = layer(nd.stack(*X, axis=0))
assert H.shape == (5, 2, 2 * num_hiddens)

# %% [markdown]
# ## Why it is no language model
#
# A language model predicts the next character. But the next character is the
# input of the next step, and the backward cell has just read it: the answer
# is given with the question. Trained as a language model, its perplexity
# falls much faster than an honest network's, and what it writes shows that it
# has learned nothing about writing, where there is no next character to read.

# %%
d2l.seed(seed)
cheating = d2l.train_and_predict_rnn(
    bi_rnn, get_params, init_state, num_hiddens, vocab_size, ctx,
    corpus_indices, idx_to_char, char_to_idx, True, d2l.epochs(60), num_steps,
    lr, clipping_theta, batch_size, d2l.epochs(30), 50, ["分开"])

# %% [markdown]
# ## Filling in
#
# An honest task: one character in seven is masked, by an id of its own, and
# the network has to say which it was. Only masked steps count in the loss;
# the masks are drawn anew for each mini-batch.

# %%
MASK = vocab_size


def mask_some(X):
    masked = nd.random.uniform(shape=X.shape, ctx=ctx) < 1 / 7
    return nd.where(masked, nd.full(X.shape, MASK, ctx=ctx), X), masked


def train_to_fill_in(cell, get_params, init_state, num_epochs):
    params = get_params(vocab_size + 1, num_hiddens, ctx)
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, weight, *state):
        outputs, _ = cell(d2l.to_onehot(X, vocab_size + 1), state, params)
        losses = loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,)),
                      weight.T.reshape((-1, 1)))
        return [losses.sum() / weight.sum()]

    step, history = d2l.Traced(step, params), []
    epochs = d2l.EpochBar(num_epochs)
    for _ in epochs:
        losses, norms, start = [], [], time.time()
        for Y, _ in d2l.data_iter_random(corpus_indices, batch_size,
                                         num_steps, ctx):
            X, masked = mask_some(Y)
            with autograd.record():
                (l,) = step(X, Y, masked, *init_state(batch_size, num_hiddens,
                                                      ctx))
            l.backward()
            norms.append(d2l.grad_clipping(params, clipping_theta, ctx))
            d2l.sgd(params, lr, 1)
            losses.append(l)
        d2l.end_epoch(history, losses, norms, Y.size, start, lr,
                      clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
    return history, params


# %%
num_epochs, histories = d2l.epochs(160), {}
d2l.seed(seed)
histories["forwards only"], _ = train_to_fill_in(
    d2l.rnn, d2l.get_params, d2l.init_rnn_state, num_epochs)
d2l.seed(seed)
histories["both directions"], params = train_to_fill_in(
    bi_rnn, get_params, init_state, num_epochs)

# %% [markdown]
# The network fills in a line in which every seventh character is missing.

# %%
line = corpus_indices[:num_steps]
ids = [MASK if i % 7 == 3 else char for i, char in enumerate(line)]
outputs, _ = bi_rnn(d2l.to_onehot(nd.array([ids], ctx=ctx), vocab_size + 1),
                    init_state(1, num_hiddens, ctx), params)
filled = [int(Y.argmax(axis=1).asscalar()) if i == MASK else i
          for i, Y in zip(ids, outputs, strict=True)]
for shown in (ids, filled, line):
    print("".join("＿" if i == MASK else idx_to_char[i] for i in shown))

# %% [markdown]
# ## The perplexity report

# %%
d2l.plot_perplexity(histories, corpus)

# %%
settings = {
    "seed": seed, "ctx": ctx, "num_hiddens": num_hiddens, "masked": "1 in 7",
    "num_epochs": num_epochs, "num_steps": num_steps,
    "batch_size": batch_size, "lr": lr, "clipping_theta": clipping_theta}
report = d2l.write_report("bi_rnn", histories, corpus, settings)

# %% [markdown]
# ## What was seen
#
# With the Jay Chou lyrics: perplexity 58.160 on the masked characters
# forwards only, 31.394 in both directions. As a language model it came to
# 11.27 after 60 epochs and wrote one character over and over; the plain
# network was at 65 after 50.
#
# ## Summary
#
# * A bidirectional network scores each step from what is before and after it.
# * It fills in and labels; it cannot write, since it would have to read what
#   it is about to write.
#
# ## Exercises
#
# 1. Why does the perplexity of the honest task fall more slowly than that of
#    the dishonest one?
# 2. Use `d2l.gru` in both directions.
# 3. Mask three characters in a row. Which of the two networks suffers more?
