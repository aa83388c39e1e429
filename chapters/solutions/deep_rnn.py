# %% [markdown]
# # Solutions: deep recurrent networks
#
# The exercises are at the end of `deep_rnn.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
from mxnet import nd

ctx = d2l.try_gpu()
corpus_indices, char_to_idx, idx_to_char, vocab_size = (
    d2l.load_data_jay_lyrics())

# %% [markdown]
# ## 1
#
# The state of one LSTM is `(H, C)`, and `init_deep_state` joins tuples.
#
# ### Solution
#
# Six: H and C of the lowest layer, then of the middle one, then of the
# highest. `deep` cuts the tuple into three parts of two arrays, and gives the
# first array of each part, H, to the layer above. Every memory cell stays in
# its own layer.

# %%
inputs = [nd.ones((2, 5), ctx=ctx)]
state = d2l.init_deep_state(d2l.init_lstm_state, 3)(2, 4, ctx)
params = d2l.get_deep_params(d2l.get_lstm_params, 3)(5, 4, ctx)
_, new = d2l.deep(d2l.lstm, 3)(inputs, state, params)
assert len(state) == len(new) == 6
*layer, W_hq, b_q = params
_, (H, C) = d2l.lstm(inputs, state[:2], [*layer[:12], W_hq, b_q])
assert (new[0] == H).min() == (new[1] == C).min() == 1

# %% [markdown]
# ## 2
#
# `deep` returns a function. Cut parameters and state into one part for each
# layer; at each step, each layer reads the first array of the state below it.
#
# ### Solution
#
# `d2l.check` puts `d2l.lstm` into your `deep`, with two layers, and compares
# scores, state and gradients. A layer that begins with the state of another
# one is found in the first step. The definition in this lesson passes:

# %%
assert d2l.check("deep_rnn", 2, d2l.deep)

# %% [markdown]
# ## 3
#
# The third layer adds up what the second puts out.
#
# ### Solution
#
# It adds up 1, 2, 3, and puts out 1, 3, 6.


# %%
def adding(inputs, state, params):
    (H,), outputs = state, []
    for X in inputs:
        H = X + H
        outputs.append(H)
    return outputs, (H,)


one, zero = nd.ones((1, 1)), nd.zeros((1, 1))
outputs, _ = d2l.deep(adding, 3)([one, zero, zero], (zero,) * 3, [None] * 3)
assert [Y.asscalar() for Y in outputs] == [1, 3, 6]

# %% [markdown]
# ## 4
#
# How many gates and candidates does an LSTM compute, each with matrices and
# biases of its own?
#
# ### Solution
#
# Three gates and a candidate, each with the parameters of a plain cell: all
# terms of the recurrent layers are multiplied by 4, and that of the output
# layer stays. With $d = 60$, one layer of 128 units has 105,020 parameters,
# and two layers of 81 units come closest to that, with 104,388.


# %%
def num_params(layers, h, d=60):
    return 4 * ((d + h + 2) * h + (layers - 1) * (2 * h + 2) * h) + (h + 1) * d


h = min(range(1, 129), key=lambda h: abs(
    num_params(2, h) - num_params(1, 128)))
assert (h, num_params(1, 128), num_params(2, h)) == (81, 105_020, 104_388)
for layers, units in ((1, 128), (2, h)):
    model = d2l.CharRNN(60, None, units, layers, cell="lstm")
    model.initialize()
    assert num_params(layers, units) == sum(
        param.data().size for param in model.collect_params().values())

# %% [markdown]
# ## 5
#
# A layer now runs through all steps before the next one begins. What does the
# next one read at each of these steps, and which of it does `state` hold?
#
# ### Solution
#
# The hidden state of every step: `state` is only that of the last one, and
# the scores are no replacement for it. Or let the output layer of each cell
# be the identity; then its scores are its hidden states, and no cell has to
# change:


# %%
def deep(cell, num_layers):
    def deep_cell(inputs, state, params):
        *params, W_hq, b_q = params
        h = len(W_hq)
        identity = nd.eye(h, ctx=W_hq.context), nd.zeros(h, ctx=W_hq.context)
        num_params = len(params) // num_layers
        num_states, new = len(state) // num_layers, ()
        for i in range(num_layers):
            layer = params[i * num_params:(i + 1) * num_params]
            inputs, layer_state = cell(
                inputs, state[i * num_states:(i + 1) * num_states],
                [*layer, *identity])
            new += tuple(layer_state)
        return [nd.dot(H, W_hq) + b_q for H in inputs], new

    return deep_cell


assert d2l.check("deep_rnn", 2, deep)

# %% [markdown]
# ## 6
#
# A product with states side by side is a sum of products, one for each layer.
# So each layer may keep an output layer of its own, and the scores are added.
#
# ### Solution
#
# Yes: after the same 40 epochs its perplexity is far lower. At first `deep`
# learns little more than how frequent each character is, since what goes
# through two layers of small weights is tiny, as are the gradients on their
# way back. Now the lowest layer is one product away from the scores. This
# says how fast the networks learn these characters by heart, and nothing
# about how well they predict others.


# %%
def with_all_layers(cell, num_layers):
    def deep_cell(inputs, state, params):
        num_params = len(params) // num_layers
        num_states = len(state) // num_layers
        states = [state[i * num_states:(i + 1) * num_states]
                  for i in range(num_layers)]
        outputs = []
        for X in inputs:
            scores = []
            for i in range(num_layers):
                (Y,), states[i] = cell([X], states[i], params[
                    i * num_params:(i + 1) * num_params])
                X = states[i][0]
                scores.append(Y)
            outputs.append(nd.add_n(*scores))
        return outputs, sum(states, ())

    return deep_cell


def params_of_all(vocab_size, num_hiddens, ctx=None):
    upper = d2l.get_params(num_hiddens, num_hiddens, ctx)[:-2]
    return [*d2l.get_params(vocab_size, num_hiddens, ctx), *upper,
            *d2l.get_params(vocab_size, num_hiddens, ctx)[-2:]]


def perplexity(cell, get_params, seed):
    d2l.seed(seed)
    return d2l.train_and_predict_rnn(
        cell(d2l.rnn, 2), get_params,
        d2l.init_deep_state(d2l.init_rnn_state, 2), 32, few.vocab_size, ctx,
        few.corpus_indices, few.idx_to_char, few.char_to_idx, False, 40, 10,
        30, 1e-2, 10, 1000, 10, [])[-1]["perplexity"]


few = d2l.load_corpus("".join(idx_to_char[i] for i in corpus_indices[:500])
                      + "\n")
print(f"frequencies: {d2l.unigram_perplexity(few.corpus_indices):.0f}")
for seed in (1, 2):
    last = perplexity(d2l.deep, d2l.get_deep_params(d2l.get_params, 2), seed)
    every = perplexity(with_all_layers, params_of_all, seed)
    print(f"seed {seed}: last layer {last:.1f}, all layers {every:.1f}")
    assert every < 0.8 * last
