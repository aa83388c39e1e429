# %% [markdown]
# # When do gates win?
#
# The last two lessons built gates so that a state can stay. Do they help? On
# a thousand characters the GRU [overtook the plain network](gru.py), but
# late; in the tables of a longer text the two are close. This lesson looks
# for a task on which gates win, and for the reason. After this lesson you can
#
# * make a task that measures memory, and nothing else;
# * compare cells fairly: the same data, five seeds, several learning rates;
# * tell what a gradient owes to the memory cell, and what to other ways.
#
# You need the lessons on [the GRU](gru.py) and [the LSTM](lstm.py). On two
# CPU cores the lesson takes about three minutes. The letters are those of the
# [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, init, nd

ctx = d2l.try_gpu()

# %% [markdown]
# ## Not on a text learned by heart
#
# These are the recorded perplexities after 160 epochs on 10,000 characters of
# the Jay Chou lyrics, from one seed each. A GRU:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- gru -->
# :end-before: <!-- end of gru -->
# ```
#
# An LSTM:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- lstm -->
# :end-before: <!-- end of lstm -->
# ```
#
# Plain networks; the one to compare has one layer:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- deep_rnn -->
# :end-before: <!-- end of deep_rnn -->
# ```
#
# The plain network is not far from the GRUs, and the LSTM, which was invented
# for long memory, comes last: it is still learning after 160 epochs. That
# gates win little is no contradiction: to a network that learns a text by
# heart, the few characters before the next one can give it away. Little has
# to be kept for long, so there is little for gates to win.
#
# ## A task that asks for memory
#
# So let us ask for memory alone. A network reads one of ten symbols, then $k$
# distractors, which are to be ignored, then a question; now it has to name
# the symbol. Numbers 0 to 9 are the symbols, 10 to 19 the distractors, 20 is
# the question. A network without memory is right once in ten times: that is
# chance.
#
# ```{figure} /figures/delayed_recall.svg
# :name: fig-delayed-recall
# :alt: A symbol, k distractors, and a question whose answer is the symbol.
#
# Delayed recall. Only the scores of the last step count, and the answer lies
# $k + 1$ steps back: thick arrows carry it past $k$ distractors.
# ```
#
# The distance is ours to choose ({numref}`fig-delayed-recall`), so accuracy
# can be drawn against the lag $k$. Each mini-batch is new, so nothing can be
# learned by heart.

# %%
num_symbols, question, vocab_size = 10, 20, 21
batch_size, num_hiddens, longest = 32, 32, 50


def recall_batch(batch_size, k, rng, lowest=num_symbols):
    X = rng.integers(lowest, lowest + num_symbols, (batch_size, k + 2))
    X[:, 0] = rng.integers(num_symbols, size=batch_size)
    X[:, -1] = question
    return nd.array(X, ctx=ctx), nd.array(X[:, 0], ctx=ctx)


X, y = recall_batch(2, 5, np.random.default_rng(1))
print(X.asnumpy().astype(int), "answers:", y.asnumpy().astype(int))

# %% [markdown]
# ## Five candidates
#
# The plain network, the GRU, the LSTM with a forget bias of 0 and with one of
# 1, and the minGRU. That is a GRU without reset gate and tanh, whose gate and
# candidate read the input alone, never the state:
#
# $$\begin{aligned}
#   \mathbf{Z}_t &= \sigma(\mathbf{X}_t \mathbf{W}_{xz} + \mathbf{b}_z), \\
#   \tilde{\mathbf{H}}_t &= \mathbf{X}_t \mathbf{W}_{xh} + \mathbf{b}_h, \\
#   \mathbf{H}_t &= (1 - \mathbf{Z}_t) \odot \mathbf{H}_{t-1}
#   + \mathbf{Z}_t \odot \tilde{\mathbf{H}}_t.
#   \end{aligned}$$
#
# Here $\mathbf{Z}_t$ is the share of the new, in the GRU that of the old.


# %%
def mingru(inputs, state, params):
    W_xz, b_z, W_xh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + b_z)
        H_tilde = nd.dot(X, W_xh) + b_h
        H = (1 - Z) * H + Z * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %% [markdown]
# `CharRNN` has a fast layer for each of these cells. It reads one-hot vectors
# here, and returns the scores of all steps, one step after another; the last
# `batch_size` of them are those of the question. The lag of each mini-batch
# is drawn from 1 to 50: we will see why. The switches `carried` and
# `every_step` are two mistakes that we will make later.

# %%
num_updates = d2l.epochs(300)
loss = gluon.loss.SoftmaxCrossEntropyLoss()


def train(cell, seed, forget_bias=1, lr=0.01, lags=(1, longest),
          lowest=num_symbols, carried=False, every_step=False,
          updates=num_updates):
    d2l.seed(seed)
    rng = np.random.default_rng(seed)
    model = d2l.CharRNN(vocab_size, None, num_hiddens, 1, cell=cell)
    model.initialize(init.Xavier(), ctx=ctx)
    model.hybridize()
    if cell == "lstm" and forget_bias == 0:  # CharRNN begins with 1
        model.layers[0].i2h_bias.set_data(nd.zeros(4 * num_hiddens, ctx=ctx))
    params = model.collect_params()
    trainer = gluon.Trainer(params, "adam", {"learning_rate": lr})
    state = model.begin_state(batch_size, ctx)
    counted = slice(0 if every_step else -batch_size, None)
    for _ in range(updates):
        k = rng.integers(lags[0], lags[1] + 1)
        X, y = recall_batch(batch_size, k, rng, lowest)
        # the next number at each step, and the answer at the last
        labels = nd.concat(X[:, 1:], y.expand_dims(1), dim=1).T.reshape(-1)
        with autograd.record():
            scores, state = model(X, state)
            L = loss(scores[counted], labels[counted]).mean()
        L.backward()
        state = (tuple(s.detach() for s in state) if carried else
                 model.begin_state(batch_size, ctx))
        d2l.grad_clipping([p.data() for p in params.values()], 1)
        trainer.step(1)
    return model


def accuracy(model, k, lowest=num_symbols):
    X, y = recall_batch(256, k, np.random.default_rng(0), lowest)
    scores, _ = model(X, model.begin_state(256, ctx))
    return (scores[-256:].argmax(axis=1) == y).mean().asscalar()


# %% [markdown]
# ## Accuracy against lag
#
# Five seeds for each candidate, 300 updates each, all with the same batches
# and the same learning rate. They are asked at lags up to 200, four times as
# long as any in training. A line is the median of the seeds, its band reaches
# from the worst to the best.

# %%
candidates = {"RNN": ("rnn", 1), "LSTM, forget bias 0": ("lstm", 0),
              "LSTM, forget bias 1": ("lstm", 1), "GRU": ("gru", 1),
              "minGRU": ("mingru", 1)}
lags, seeds = (1, 2, 5, 10, 20, 50, 100, 200), range(1, 6)
models = {name: [train(cell, seed, bias) for seed in seeds]
          for name, (cell, bias) in candidates.items()}
results = {name: np.array([[accuracy(model, k) for k in lags]
                           for model in five])
           for name, five in models.items()}


def say(name, values):
    print(f"{name:<28} median {np.median(values):4.0%}, from "
          f"{min(values):4.0%} to {max(values):4.0%}")


at_50 = {name: right[:, lags.index(50)] for name, right in results.items()}
for name, right in at_50.items():
    say(name, right)

# %%
axes = d2l.new_figure().subplots()
for name, right in results.items():
    style = {"GRU": "--", "minGRU": ":"}.get(name, "-")
    axes.fill_between(lags, right.min(axis=0), right.max(axis=0), alpha=0.15)
    axes.plot(lags, np.median(right, axis=0), style, label=name)
axes.axhline(1 / num_symbols, color="gray", ls=":", label="chance")
axes.axvline(longest, color="gray", lw=0.8)
axes.set(xlabel="lag k", ylabel="right answers", xscale="log",
         xticks=lags, xticklabels=lags, ylim=(0, 1.03))
axes.figure.legend(loc="outside right upper", fontsize="small")
axes.figure

# %%
if num_updates == 300:
    assert min(at_50["LSTM, forget bias 1"]) >= 0.95
    assert np.median(at_50["RNN"]) < 0.15 and max(at_50["RNN"]) < 0.5

# %% [markdown]
# Remember a lag of 50: there the LSTM with a forget bias of 1 answers at
# least 95 % of the questions with each of the five seeds, and the plain
# network, at the median, guesses. And the memory holds at lags that it was
# never trained on, to the right of the gray line: the network has not learned
# to count to fifty, but to keep.
#
# When we ran this, three things surprised us. The GRU, which has no forget
# bias to set, learned the task as surely as the LSTM. The forget bias, which
# did not help on the lyrics of the [last lesson](lstm.py), decided whether
# 300 updates were enough. And the minGRU, whose gate never sees the state,
# learned the task with most seeds, though its memory leaks at the longest
# lags. We will come back to it.
#
# ## Is that fair to the plain network?
#
# All five have 32 units, so the LSTM's layer has four times the parameters of
# the plain one, and the GRU's three times; we leave that as it is. Perhaps
# the plain network only needs smaller steps: a comparison at one learning
# rate says as much about the rate as about the cells. Or perhaps the many
# lags confuse it, and it would learn a single one.

# %%
for lr in (0.003, 0.001):
    say(f"lag 50, learning rate {lr}", [
        accuracy(train("rnn", seed, lr=lr), 50) for seed in seeds])
for k in (5, 10, 20):
    say(f"trained on lag {k:2} alone", [
        accuracy(train("rnn", seed, lr=0.003, lags=(k, k)), k)
        for seed in seeds])

# %% [markdown]
# When we ran this, smaller steps did not help, but a single lag did: on 5 or
# 10 alone the plain network learned the task with each seed, and on 20 it
# depended on the seed. So it can keep a symbol for ten steps. What it did not
# do in 300 updates is learn to keep one for any number of steps.
#
# Nor has a plain network that is right once in five times kept the symbol.
# One bit of it is enough for that, such as whether it was less than 5, with a
# guess among the five that this leaves. A single unit can keep a bit: with a
# large weight of its own it stays near 1 or near -1.
#
# ## Which way the gradient takes
#
# What does the answer at the end owe to the memory cell of step $t$? Let $s$
# be the score of the right answer. We add a zero to $\mathbf{C}_t$ at each
# step and ask for the gradient with respect to it; that is the whole
# gradient, by all ways. The way along the memory cells alone is
#
# $$\frac{\partial s}{\partial \mathbf{C}_T} \odot \mathbf{F}_T \odot
#   \mathbf{F}_{T-1} \odot \dots \odot \mathbf{F}_{t+1}.$$
#
# By hand: at a bias of 0 each factor begins near 0.5, at a bias of 1 near
# $\sigma(1) = 0.73$. After 10 steps that leaves 0.001 and 0.04, after 50
# steps $10^{-15}$ and $10^{-7}$.


# %%
def norms_back(model, k):
    params = model.layers[0].collect_params().values()
    W_x, W_h, b_x, b_h = (p.data() for p in params)
    X, y = recall_batch(batch_size, k, np.random.default_rng(0))
    H, C = model.begin_state(batch_size, ctx)
    zeros, forget = [nd.zeros_like(C) for _ in X.T], []
    for zero in zeros:
        zero.attach_grad()
    with autograd.record():
        for x, zero in zip(X.T, zeros, strict=True):
            gates = (nd.dot(nd.one_hot(x, vocab_size), W_x.T) + b_x
                     + nd.dot(H, W_h.T) + b_h)
            I, F, C_tilde, O = nd.split(gates, 4, axis=1)  # Gluon's order
            F = nd.sigmoid(F)
            C = F * C + nd.sigmoid(I) * nd.tanh(C_tilde) + zero
            H = nd.sigmoid(O) * nd.tanh(C)
            forget.append(F)
        s = nd.pick(model.output(H), y)
    s.backward()
    along = [zeros[-1].grad]
    for F in forget[:0:-1]:
        along.append(along[-1] * F)
    whole = [zero.grad for zero in zeros[::-1]]
    return [[(d.norm() / way[0].norm()).asscalar() for d in way]
            for way in (whole, along)]


# %% [markdown]
# We compare the five LSTMs of each bias before any training and after it, at
# a lag of 50. Solid lines are the whole gradient, dashed ones the way along
# the memory cells, which at its far end reaches the step of the symbol; again
# medians, and bands from the least to the most.

# %%
lstms = {("before", bias): [train("lstm", seed, bias, updates=0)
                            for seed in seeds] for bias in (0, 1)}
lstms |= {("after", b): models[f"LSTM, forget bias {b}"] for b in (0, 1)}
panels, reach = d2l.new_figure((9, 4.2)).subplots(1, 2, sharey=True), {}
for (when, bias), five in lstms.items():
    axes, color = panels[int(when == "after")], f"C{bias + 1}"
    ways = np.array([norms_back(model, 50) for model in five])
    for way, style, norms in (("whole", "-", ways[:, 0]),
                              ("F alone", "--", ways[:, 1])):
        middle = reach[when, bias, way] = np.median(norms, axis=0)
        axes.fill_between(range(52), norms.min(axis=0), norms.max(axis=0),
                          color=color, alpha=0.15)
        axes.plot(middle, style, color=color, label=f"bias {bias}, {way}")
        print(f"{when} training, bias {bias}, {way}: {middle[10]:.0e} "
              f"after 10 steps back, {middle[51]:.0e} at the symbol")
    axes.set(title=f"{when} training", xlabel="steps back", yscale="log")
panels[0].set_ylabel("norm of the gradient, 1 at the question")
panels[0].legend()
assert reach["before", 0, "F alone"][51] < 1e-10
axes.figure

# %% [markdown]
# Before training the way along the memory cells shrinks as the product says.
# The whole gradient all but vanishes, too, though more slowly, and a bias of
# 1 saves orders of magnitude. The memory cells alone carry the smaller part:
# most of what arrives has left them at some of the steps, for instance
# through the hidden state into the next candidate; [cells by
# hand](numpy_rnn.py), a later lesson, measures that detour.
#
# After training the lines are flat but for the first few steps. The network
# has learned to open its forget gates for distractors. With a bias of 1 the
# dashed and the solid line now meet, with a bias of 0 not quite: with 1,
# nearly all that reaches the symbol comes along the memory cells. The line on
# which memory travels untouched is not there from the start; it is learned.
#
# ## Common mistakes
#
# **Training on the long lag alone.** Lag 50 is what we want, so why train on
# shorter ones? Because of the left panel: before training, hardly anything of
# the gradient reaches a symbol 50 steps back. From a few steps back it does,
# and that teaches the gate to stay open for distractors. A gate that has
# learned this for ten distractors does it for fifty.
#
# **A loss over all steps where one counts.** The loop of a language model
# asks for the next number at every step. Here all but the last are noise, and
# the one that counts is one part in $k + 2$ of the mean.
#
# **The state carried from one sequence to the next.** With consecutive
# sampling that is right. But these sequences have nothing to do with one
# another, and each starts with what the ones before have left in the memory;
# in the test it starts with zeros.

# %%
mistakes = {"lag 50 alone": dict(lags=(longest, longest)),
            "loss over all steps": dict(every_step=True),
            "state carried": dict(carried=True)}
for name, options in mistakes.items():
    right = [accuracy(train("lstm", seed, **options), 50) for seed in seeds]
    say(name, right)
    assert num_updates < 300 or max(right) < 0.5

# %% [markdown]
# Each of the three leaves the LSTM guessing after as many updates as were
# enough without it, and none raises an error.
#
# ## The limit of a gate that does not see the state
#
# Now let the distractors be symbols themselves, numbers 0 to 9, so that only
# its place tells which one is to be kept. A gate that reads the state can
# know that the memory is taken. To the gate of the minGRU a 7 looks the same
# at every place, so it does the same with each.


# %%
for cell in ("mingru", "gru", "lstm"):
    right = [accuracy(train(cell, seed, lowest=0), 50, lowest=0)
             for seed in seeds]
    say(f"{cell}, all symbols alike", right)
    assert cell != "mingru" or num_updates < 300 or max(right) < 0.5

# %% [markdown]
# The minGRU guesses, and its equations show what is against it. In each of
# its units the first symbol enters with the share $\mathbf{Z}_1$, and each
# later step multiplies that by $1 - \mathbf{Z}_t$; so the same symbol counts
# for more the later it comes. When we ran this, the GRU learned the task with
# each seed, but the LSTM, with a forget bias of 1, only with some.
#
# ## Summary
#
# * Where little has to be kept, gates win little. A task whose lag can be
#   chosen shows what they are for.
# * At a lag of 50 the LSTM with a forget bias of 1 is right with every seed
#   where the plain network, at the median, guesses.
# * The forget bias decides how much of the gradient reaches the symbol at the
#   start. After training, with a bias of 1, the way along the memory cells is
#   nearly the whole of it.
# * Short lags teach in a few hundred updates what the long one alone does
#   not.
# * A gate that does not see the state cannot know that the memory is taken.
#
# ## Exercises
#
# 1. (\*) A network knows whether the symbol is even, and nothing else. How
#    often can it be right?
# 2. (\*\*) Which forget gate keeps half of a memory for 1,000 steps, and
#    which score does it take before the sigmoid? Does an LSTM that was
#    trained on lags of up to 50 still answer at a lag of 1,000?
# 3. (\*\*) A second layer of minGRU reads the states of the first instead of
#    the inputs. Train one layer, and two, for 200 updates on lags of 1 to 5
#    where all symbols are alike. Does the second help at a lag of 20, and
#    why?
# 4. (\*\*) The adding problem: at each step the network reads a number
#    between 0 and 1 and a mark, and at the end it has to name the sum of the
#    two numbers that were marked. Show that always answering 1 has a mean
#    squared error of 1/6. Which of the plain network, the LSTM and the GRU
#    get below a tenth of that in 300 updates, at length 10 and at 60?
# 5. (\*\*\*) Le et al. (2015) start a plain network with the identity as
#    $\mathbf{W}_{hh}$ and with ReLU in place of tanh. Does it keep the symbol
#    for 50 steps?
#
# ## Further reading
#
# * Y. Bengio, P. Simard and P. Frasconi, *Learning Long-Term Dependencies
#   with Gradient Descent Is Difficult*, 1994: a plain network that has to
#   keep one bit.
# * S. Hochreiter and J. Schmidhuber, *Long Short-Term Memory*, 1997: tasks
#   with long lags, the adding problem among them.
# * F. A. Gers, J. Schmidhuber and F. Cummins, *Learning to Forget: Continual
#   Prediction with LSTM*, 2000: sequences whose beginnings are not marked.
# * R. Jozefowicz, W. Zaremba and I. Sutskever, *An Empirical Exploration of
#   Recurrent Network Architectures*, 2015: a forget bias of 1.
# * Q. V. Le, N. Jaitly and G. E. Hinton, *A Simple Way to Initialize
#   Recurrent Networks of Rectified Linear Units*, 2015.
# * M. Arjovsky, A. Shah and Y. Bengio, *Unitary Evolution Recurrent Neural
#   Networks*, 2016: copying and adding over hundreds of steps.
# * L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi, *Were RNNs
#   All We Needed?*, 2024: the minGRU.
# * *Dive into Deep Learning* has no section on this.
#
# Next: [deep recurrent networks](deep_rnn.py).
