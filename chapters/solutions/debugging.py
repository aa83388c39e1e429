# %% [markdown]
# # Solutions: twelve trainings that are silently broken
#
# The exercises are at the end of `debugging.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import math

import d2lrnn as d2l
from mxnet import nd

corpus_indices, _, _, vocab_size = d2l.load_corpus("shakespeare")

# %% [markdown]
# ## 1
#
# What are the scores of a new model, and what does softmax make of them?
#
# ### Solution
#
# A new model has small weights, so all scores are near 0, and softmax gives
# every character about the same probability, 1 / `vocab_size`. The loss is
# minus its logarithm. If the weights of the output layer are a hundred times
# as large, the model is sure of characters that it has no reason to prefer,
# and pays for it (larger weights before the LSTM do little, since its outputs
# stay between -1 and 1); so the test also finds weights that start too large.

# %%
d2l.seed(1)
model = d2l.CharRNN(vocab_size, 32, 64, 1)
model.initialize()
X, Y = next(d2l.data_iter_consecutive(corpus_indices, 20, 10))
first = []
for times in (1, 100):
    model.output.weight.set_data(times * model.output.weight.data())
    scores, _ = model(X, model.begin_state(20))
    losses = -nd.log_softmax(scores).pick(Y.T.reshape((-1,)))
    first.append(losses.mean().asscalar())
print(f"log {vocab_size} is {math.log(vocab_size):.2f}, the first loss "
      f"{first[0]:.2f}, with larger weights {first[1]:.2f}")
assert abs(first[0] / math.log(vocab_size) - 1) < 0.05 < first[1] - first[0]

# %% [markdown]
# ## 2
#
# Whose labels does the report at the end of the test use?
#
# ### Solution
#
# The report asks for the same wrong labels, and the model has learned them by
# heart. A test must not take its answer from the program that it judges. Give
# the report the right labels, and all other parts as they are:
#
# ```python
# honest = SimpleNamespace(**vars(p) | {"labels": right["labels"]})
# return measure(honest, model, text[:sizes[1] + 1]) < 2
# ```

# %% [markdown]
# ## 3
#
# What else is drawn in an epoch?
#
# ### Solution
#
# The order of the mini-batches, if they are sampled at random: with one seed,
# each epoch reads the same examples together, in the same order. Consecutive
# sampling draws nothing, so without dropout the seed makes no difference to
# it.

# %%
orders = []
for seed in (1, 1, 2):
    d2l.seed(seed)
    X, _ = next(d2l.data_iter_random(corpus_indices[:4000], 20, 10))
    orders.append(X.asnumpy().tolist())
assert orders[0] == orders[1] != orders[2]

# %% [markdown]
# ## 4
#
# A part can do too much as well as too little: what must `cut` not change?
#
# ### Solution
#
# For example, with consecutive sampling every mini-batch begins with zeros:
# `"cut": lambda state: [nd.zeros(s.shape) for s in state]`. Mini-batches
# continue, the graph ends, one mini-batch is learned by heart, and yet nothing
# is remembered for more than ten characters. The test: what `cut` returns has
# the values that it got.


# %%
def state_survives(cut):
    state = [nd.ones((2, 3)), 2 * nd.ones((2, 3))]
    return all((kept == s).min() == 1
               for kept, s in zip(cut(state), state, strict=True))


assert state_survives(lambda state: [s.detach() for s in state])
assert not state_survives(lambda state: [nd.zeros(s.shape) for s in state])
