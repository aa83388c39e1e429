# %% [markdown]
# # Solutions: names for new dinosaurs
#
# The exercises are at the end of `dinosaur_names.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import d2lrnn as d2l
import numpy as np
from d2lrnn import dinosaur
from d2lrnn.dinosaur import Buffers, encode

names, _ = dinosaur.load_names()
ix_to_char, char_to_ix = dinosaur.vocabulary(names)
vocab_size, zeros = len(char_to_ix), np.zeros((50, 1))

examples = [encode(name, char_to_ix) for name in names]
np.random.seed(0)
np.random.shuffle(examples)
train, held_out = examples[len(names) // 10:], examples[:len(names) // 10]

# %% [markdown]
# ## 1
#
# `np.clip` has an argument `out`. The dict has more keys than the five
# gradients after a step backward: `unpack(gradients, "d")` returns those.
#
# ### Solution
#
# `d2l.check` calls your function with random gradients and limits, and
# compares what it returns. The definition in this lesson passes:

# %%
assert d2l.check("dinosaur_names", 1, dinosaur.clip)

# %% [markdown]
# ## 2
#
# Which random numbers do the two names draw with, one after the other? And
# what do the probabilities depend on before the training?
#
# ### Solution
#
# The name of seed 2 is the name of seed 0 without its first letter. Its step
# $t$ draws with the seed $2 + 2 t$, which is that of step $t + 1$ of the
# other. Before the training the weights are so small that all characters are
# about equally likely, whatever came before, so the same random number draws
# the same character. A trained network looks at what came before, and the
# names part.

# %%
untrained = dinosaur.initialize_parameters(50, vocab_size, vocab_size)
two = [dinosaur.sample(untrained, char_to_ix, seed) for seed in (0, 2)]
print(*(dinosaur.get_sample(indices, ix_to_char) for indices in two), sep="")
assert two[0][1:] == two[1]

# %% [markdown]
# ## 3
#
# The mark is made of $p(b \mid a) = (c_{ab} + 0.1) / (c_a + 2.7)$ for 27
# characters. What happens to $c_{ab}$ and to $c_a$? How often is each
# character the first of a pair, and how often the second?
#
# ### Solution
#
# Backwards, $c_{ab}$ becomes $c_{ba}$: the same numbers, transposed. The only
# other numbers are the $c_a$: how often $a$ is the first of a pair. Since a
# name has a newline at both of its ends, each character is as often the first
# of a pair as the second, so the $c_a$ stay. In the held-out names, too, the
# pairs are the same, turned round, with as many firsts of each kind. So the
# sum over the pairs, of the logarithms of $c_{ab} + 0.1$ less those of $c_a +
# 2.7$, is the same. With three characters, the ends of the names differ: two
# newlines stand before a name, and one after it.


# %%
def mark(n, train, held_out):
    def grams(examples):
        return [(*[0] * n, *Y)[t + 1:t + 1 + n]
                for _, Y in examples for t in range(len(Y))]
    counts = np.full((vocab_size,) * n, 0.1)
    np.add.at(counts, tuple(np.transpose(grams(train))), 1)
    p = counts / counts.sum(axis=-1, keepdims=True)
    return -np.log(p[tuple(np.transpose(grams(held_out)))]).mean()


backwards = [[(None, [*Y[-2::-1], 0]) for _, Y in part]  # X is not counted
             for part in (train, held_out)]
for n in (2, 3):
    print(f"counts of {n}: {mark(n, train, held_out):.6f} nats, backwards "
          f"{mark(n, *backwards):.6f}")
assert np.isclose(mark(2, train, held_out), mark(2, *backwards), 1e-12)
assert not np.isclose(mark(3, train, held_out), mark(3, *backwards), 1e-6)

# %% [markdown]
# ## 4
#
# The gradient of a name is a sum over its steps, so it is enough to transpose
# `gradients["dWaa"]` after `dinosaur.rnn_backward`.
#
# ### Solution
#
# `gradient_check` alone says it. A square matrix has the shape of its
# transpose, the other four gradients are right, and with them the loss still
# falls far below a uniform guess and the names begin to look like names. It
# falls less, but you only see that beside a training without the mistake,
# which you do not have.

# %%
from d2lrnn import numpy_rnn


def learn(transposed, num_names=600):
    parameters = dinosaur.initialize_parameters(50, vocab_size, vocab_size)
    total = 0
    for X, Y in train[:num_names]:
        loss, cache = dinosaur.rnn_forward(X, Y, zeros, parameters,
                                           vocab_size)
        gradients, _ = dinosaur.rnn_backward(X, Y, parameters, cache)
        if transposed:
            gradients["dWaa"] = gradients["dWaa"].T.copy()
        dinosaur.update_parameters(parameters, dinosaur.clip(gradients, 5),
                                   0.01)
        total += loss
    print(f"{total / sum(len(Y) for _, Y in train[:num_names]):.3f} nats",
          [name for name, _ in dinosaur.invent(
              parameters, ix_to_char, char_to_ix, names, 3)])
    return total / sum(len(Y) for _, Y in train[:num_names])


right, wrong = learn(transposed=False), learn(transposed=True)
assert right < wrong < np.log(vocab_size) - 0.3
X, Y = train[0]
small = {name: 20 * value for name, value in
         dinosaur.initialize_parameters(4, vocab_size, vocab_size).items()}
gradients, _ = dinosaur.rnn_backward(X, Y, small, dinosaur.rnn_forward(
    X, Y, np.zeros((4, 1)), small, vocab_size)[1])
for gradient in (gradients["dWaa"], gradients["dWaa"].T):
    difference, = numpy_rnn.gradient_check(
        lambda p: dinosaur.rnn_forward(X, Y, np.zeros((4, 1)), p,
                                       vocab_size)[0],
        small, {"dWaa": gradient}).values()
    print(f"difference of dWaa: {difference:.0e}")
    assert (difference > 0.01) == (gradient is not gradients["dWaa"])

# %% [markdown]
# ## 5
#
# `rnn_forward` returns the probabilities of each step in its cache.
#
# ### Solution
#
# In both, and more at the first letter. The network that trains with the
# state carried has to predict it from whatever state the last name left,
# which says nothing about the next name: it must learn to ignore that state.
# The one that trains from zeros always predicts it from the same state, and
# only has to learn how often each letter comes first. But a name has one
# first letter and many others, so most of its gain comes from those.


# %%
def train_epochs(carried, num_epochs=6):
    parameters = dinosaur.initialize_parameters(50, vocab_size, vocab_size)
    for _ in range(num_epochs):
        buffers, a_prev = Buffers(parameters), zeros
        for X, Y in train:
            _, a_last = buffers.step(X, Y, a_prev, parameters, 0.01, 5)
            a_prev = a_last if carried else zeros
    return parameters


def by_position(parameters):
    first, others = [], []
    for X, Y in held_out:
        _, (y_hat, *_) = dinosaur.rnn_forward(X, Y, zeros, parameters,
                                              vocab_size)
        l = [-np.log(y_hat[t][y, 0]) for t, y in enumerate(Y)]
        first.append(l[0])
        others += l[1:]
    return np.mean(first), np.mean(others)


lost = {carried: by_position(train_epochs(carried))
        for carried in (True, False)}
for carried, (first, others) in lost.items():
    print(f"trained {'carried' if carried else 'from zeros'}: first letter "
          f"{first:.2f} nats, others {others:.2f}")
gains = np.subtract(lost[True], lost[False])
others = gains[1] * np.mean([len(Y) - 1 for _, Y in held_out])
print(f"a name gains {gains[0]:.2f} nats at its first letter, {others:.2f} at "
      f"the others")
assert gains[0] > gains[1] > 0 and others > gains[0]

# %% [markdown]
# ## 6
#
# `numpy_rnn` reads columns, so that 16 names of about the same length can be
# one mini-batch. Where a name is over, its scores get no gradient.
#
# ### Solution
#
# Let the two cells differ in nothing else: 50 units or 23 have about as many
# parameters, and both learn by Adam from the same mini-batches, from zeros.
# They gain next to nothing: in ten epochs the LSTM gets at most 0.03 nats
# ahead of the plain cell, which has more than twice as many units for as many
# parameters and makes the faster start. (One seed and one split.) A name is
# over after a dozen letters; gates pay where something has to be remembered
# for longer. Both get below the counts of three characters.


# %%
def batches(examples, m=16):
    examples = sorted(examples, key=lambda example: len(example[1]))
    for i in range(0, len(examples), m):
        chosen = examples[i:i + m]
        x, y = np.zeros((2, vocab_size, len(chosen), len(chosen[-1][1])))
        for j, (X, Y) in enumerate(chosen):
            x[X[1:], j, range(1, len(X))] = y[Y, j, range(len(Y))] = 1
        yield x, y


def step(cell, p, x, y):
    forward = getattr(numpy_rnn, f"{cell}_forward")
    backward = getattr(numpy_rnn, f"{cell}_backward")
    out = "Wya" if cell == "rnn" else "Wy"
    a, y_pred, *_, caches = forward(x, np.zeros((len(p[out].T), x.shape[1])),
                                    p)
    ds = (y_pred - y) * y.sum(axis=0)  # 0 where a name is over
    gradients = backward(np.tensordot(p[out].T, ds, axes=1), caches)
    gradients["d" + out] = np.einsum("ymt,amt->ya", ds, a)
    gradients["dby"] = ds.sum(axis=(1, 2)).reshape(-1, 1)
    return -(y * np.log(y_pred)).sum(), gradients


def fit(cell, shapes, num_hiddens, num_epochs=10, lr=0.005):
    np.random.seed(1)
    p = {name: array * (0.1 if name[0] == "W" else 0) for name, array in
         numpy_rnn.random_parameters(shapes, vocab_size, num_hiddens,
                                     vocab_size).items()}
    means, squares = ({name: 0 for name in p} for _ in range(2))
    parts, losses = [*batches(train)], []
    for _ in range(num_epochs):
        for i in np.random.permutation(len(parts)):
            _, gradients = step(cell, p, *parts[i])
            for name in p:
                d = gradients["d" + name]
                means[name] = 0.9 * means[name] + 0.1 * d
                squares[name] = 0.99 * squares[name] + 0.01 * d ** 2
                p[name] -= lr * means[name] / (np.sqrt(squares[name]) + 1e-8)
        losses.append(sum(step(cell, p, x, y)[0]
                          for x, y in batches(held_out)))
    nats = np.array(losses) / sum(len(Y) for _, Y in held_out)
    print(f"{cell}, {num_hiddens} units, {sum(map(np.size, p.values())):,} "
          f"parameters: {nats.min():.3f} nats held out, in epoch "
          f"{nats.argmin() + 1}")
    return nats


plain = fit("rnn", numpy_rnn.RNN, 50)
gated = fit("lstm", numpy_rnn.LSTM, 23)
assert min(gated) > min(plain) - 0.03
assert plain[0] < gated[0]
assert max(min(plain), min(gated)) < mark(3, train, held_out)
