# %% [markdown]
# # Solutions: which should you take?
#
# The exercises are at the end of `compare.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import math

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import init, nd
from mxnet.gluon import nn


def attention(Q, K, V, causal):  # (n, num_heads, T, d)
    T, d = Q.shape[2:]
    scores = nd.linalg.gemm2(Q, K, transpose_b=True) / d ** 0.5
    if causal:
        later = np.triu(np.full((1, 1, T, T), 1e9), k=1)
        scores = nd.broadcast_minus(scores, nd.array(later))
    return nd.linalg.gemm2(nd.softmax(scores), V)


class Layer(nn.Block):
    num_heads, causal = 4, True

    def __init__(self, num_hiddens, dropout):
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(), nn.Dropout(dropout)
        self.qkv = nn.Dense(3 * num_hiddens, flatten=False)
        self.join = nn.Dense(num_hiddens, flatten=False)
        self.feed_forward = nn.HybridSequential()
        self.feed_forward.add(
            nn.LayerNorm(), nn.Dense(4 * num_hiddens, "relu", flatten=False),
            nn.Dense(num_hiddens, flatten=False), nn.Dropout(dropout))

    def forward(self, X):  # (n, T, num_hiddens)
        heads = self.qkv(self.norm(X)).reshape((0, 0, 3 * self.num_heads, -1))
        Q, K, V = heads.transpose((0, 2, 1, 3)).split(3, axis=1)
        H = attention(Q, K, V, self.causal).transpose((0, 2, 1, 3))
        X = X + self.dropout(self.join(H.reshape((0, 0, -3))))
        return X + self.feed_forward(X)


class Transformer(nn.Block):
    def __init__(self, vocab_size, num_hiddens, num_layers, dropout, Tx):
        super().__init__()
        begin = {"weight_initializer": init.Normal(1.0)}
        self.embedding = nn.Embedding(vocab_size, num_hiddens, **begin)
        self.positions = nn.Embedding(Tx, num_hiddens, **begin)
        self.layers = nn.Sequential()
        for _ in range(num_layers):
            self.layers.add(Layer(num_hiddens, dropout))
        self.layers.add(nn.LayerNorm(), nn.Dense(vocab_size, flatten=False))

    def begin_state(self, batch_size):
        return ()

    def forward(self, X, state=()):  # (n, T)
        steps = self.positions(nd.arange(X.shape[1])).expand_dims(0)
        Y = self.layers(nd.broadcast_add(self.embedding(X), steps))
        return Y.swapaxes(0, 1).reshape((-3, 0)), ()


corpus = d2l.load_corpus("original_sonnets.txt")
ids = corpus.corpus_indices[:40]
Layer.causal = True  # at the end of the lesson it is not

# %% [markdown]
# ## 1
#
# What the fourth position compares is $1, 1, 2, 4$.
#
# ### Solution
#
# The weights of the fourth position are $1/8, 1/8, 1/4, 1/2$, so it reads
# $8/8 + 4/8 + 2/4 + 0/2 = 2$. The first three read what they read before:
# the mask keeps the fourth from them. That is why a text can be written
# character by character, and why all positions can be trained at once.

# %%
Q, K, V = nd.array([[1, 1, 1, 1], [0, 0, math.log(2), math.log(4)],
                    [8, 4, 2, 0]]).reshape((3, 1, 1, 4, 1))
H = attention(Q, K, V, causal=True).asnumpy().reshape(-1)
print(H)
assert np.allclose(H, [8, 6, 4, 2])

# %% [markdown]
# ## 2
#
# Count the matrices of a layer in units of $h^2$. What is left are vectors.
#
# ### Solution
#
# In a layer, `qkv` has $3 h^2$ weights, `join` $h^2$ and the feed-forward
# network $8 h^2$: in all $12 h^2$. The biases are $3h + h + 4h + h = 9h$, and
# the two normalisations have $4h$. So a layer has $12 h^2 + 13 h$. Around the
# layers there are $V h$ numbers for the characters, $64 h$ for the positions,
# $2h$ for the last normalisation and $V h + V$ for the output: in all $L (12
# h^2 + 13 h) + 2 V h + 66 h + V$. With $h = 64$ and two layers, nine tenths
# are in the layers, and two thirds of those in the feed-forward networks:
# attention is the smaller part.

# %%
h, vocab_size = 64, corpus.vocab_size
model = Transformer(vocab_size, h, num_layers=2, dropout=0.0, Tx=64)
model.initialize()
model(nd.array([ids]))
size = sum(p.data().size for p in model.collect_params().values())
in_layers = 2 * (12 * h ** 2 + 13 * h)
assert size == in_layers + 2 * vocab_size * h + 66 * h + vocab_size
print(f"{size:,} parameters, {in_layers / size:.0%} of them in the layers")

# %% [markdown]
# ## 3
#
# A sum does not know the order of its terms. What is summed in the second
# layer, and does that know the order?
#
# ### Solution
#
# With one layer, the last position reads a sum over the same vectors in
# another order, so its scores stay as they are, but for rounding. With two,
# they change. In the first layer the mask lets each position read only the
# characters before it: what the second position reads depends on which
# character came first, and the second layer reads that. So a causal
# Transformer can tell the order even without positions, but it has to learn
# how.

# %%
swapped = ids.copy()
swapped[[3, 20]] = ids[[20, 3]]
assert ids[3] != ids[20]
for num_layers in (1, 2):
    d2l.seed(1)
    model = Transformer(vocab_size, h, num_layers, dropout=0.0, Tx=64)
    model.initialize(init.Xavier())
    model(nd.array([ids]))
    model.positions.weight.set_data(nd.zeros((64, h)))
    one, other = (model(nd.array([row]))[0][-1] for row in (ids, swapped))
    change = abs(one - other).max().asscalar()
    print(f"{num_layers} layers: {change:.0e}")
    assert (change < 1e-4) == (num_layers == 1)

# %% [markdown]
# ## 4
#
# Measure both texts with n-grams, which take no time. In UTF-8 the length of
# a text in bytes is `len(text.encode())`.
#
# ### Solution
#
# By character the lyrics need about three times the bits of the sonnets; by
# byte, hardly more: a Chinese character has three bytes, a letter has one.
# Both divide the same number, the bits of the whole text, by something that
# belongs to the writing system and not to the model. Neither says which text
# is easier to predict.

# %%
bits = {}
for name in ("lyrics", "sonnets"):
    part = d2l.load_corpus(f"original_{name}.txt", num_chars=17_000)
    counted, rest, _ = d2l.split(part, 0.1)
    nats = min(math.log(d2l.ngram_perplexity(
        counted, n, part.vocab_size, rest)) for n in range(1, 7))
    whole = nats / math.log(2) * len(rest)
    text = part.text[-len(rest):]
    bits[name] = whole / len(text), whole / len(text.encode())
    print(f"{name:<8}{bits[name][0]:.2f} bits a character, "
          f"{bits[name][1]:.2f} a byte")
ratios = np.divide(bits["lyrics"], bits["sonnets"])
assert ratios[0] > 2.5 and ratios[1] < 1.3

# %% [markdown]
# ## 5
#
# For each layer keep the keys and values of all positions so far. The new
# position has one query, and no mask is needed: nothing is later.
#
# ### Solution
#
# `step` reads one character, given what each layer keeps. Its scores are
# those of the whole model at that position. A step still looks at all
# positions before it, but computes the layers for one alone. What is kept
# grows with each character, where an RNN has a state of one size; and once
# the window is full, it has to begin again.


# %%
def step(model, i, t, kept):
    X = model.embedding(nd.array([[i]])) + model.positions(nd.array([[t]]))
    *layers, norm, output = model.layers
    for l, layer in enumerate(layers):
        heads = layer.qkv(layer.norm(X)).reshape((0, 0, 3 * 4, -1))
        Q, *new = heads.transpose((0, 2, 1, 3)).split(3, axis=1)
        kept[l] = [nd.concat(old, part, dim=2) for old, part in zip(
            kept[l], new, strict=True)] if t else new
        H = attention(Q, *kept[l], causal=False).transpose((0, 2, 1, 3))
        X = X + layer.join(H.reshape((0, 0, -3)))
        X = X + layer.feed_forward(X)
    return output(norm(X)).reshape(-1)


d2l.seed(1)  # in the model of exercise 3 all positions are zero
model = Transformer(vocab_size, h, num_layers=2, dropout=0.0, Tx=64)
model.initialize()
Y, kept = model(nd.array([ids]))[0], [None, None]
for t, i in enumerate(ids):
    scores = step(model, i, t, kept)
    assert abs(scores - Y[t]).max().asscalar() < 1e-4
print(f"{t + 1} characters, and each layer keeps keys of shape "
      f"{kept[0][0].shape}")
