# %% [markdown]
# # Twelve trainings that are silently broken
#
# It trains. Is it right? A wrong shape stops a program; a wrong line among
# the right shapes does not. The loss falls, the curve looks like a curve, and
# the model is worse than it could be, or is not what its numbers say.
#
# After this lesson you can
#
# * read from two curves whether the training or the measuring is wrong;
# * write eleven tests, of a few lines each, that find twelve such mistakes;
# * say why a training curve alone is no evidence.
#
# You need the training loop of [the first network](rnn_scratch.py) and the
# held-out text and dropout of [the char-RNN](char_rnn.py). On two cores the
# lesson takes about a minute. The letters are those of the
# [notation](/notation.md).

# %%
import random
from types import SimpleNamespace

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, nd

corpus = d2l.load_corpus("shakespeare")
text, (_, char_to_idx, idx_to_char, vocab_size) = corpus.text, corpus
num_hiddens, num_epochs, sizes = 64, d2l.epochs(10), (20, 10)
print(f"{corpus.source}: {vocab_size} distinct characters")

# %% [markdown]
# ## A program in parts
#
# The model is an LSTM of 64 units with dropout. It trains on 4,000
# characters of sonnets, in mini-batches of 20 rows and 10 steps (`sizes`),
# and reports its perplexity on the next 2,000 after each epoch. For the
# report the model is loaded from a file, as its users would load it. Here
# the file is left out: `load` copies the weights into a new model.


# %%
def new_model():
    model = d2l.CharRNN(vocab_size, 32, num_hiddens, 1, dropout=0.2)
    model.initialize()
    return model


def weights(model):
    return [param.data() for param in model.collect_params().values()]


def load(model, gates=(0, 1, 2, 3)):
    loaded = new_model()
    for ours, theirs in zip(weights(loaded), weights(model), strict=True):
        if len(theirs) == 4 * num_hiddens:  # the gates, one below another
            theirs = theirs.reshape((4, -1))[list(gates)].reshape(ours.shape)
        ours[:] = theirs
    return loaded


# %% [markdown]
# Every decision that one can get wrong is a part with a name: how the text is
# split, how its characters are numbered for the report, which mini-batches
# there are, which labels belong to the scores, and so on. `right` holds the
# right parts.

# %%
right = {
    "split": lambda text: (text[:4000], text[4000:6000]),
    "number": lambda text: [char_to_idx[char] for char in text],
    "batches": d2l.data_iter_consecutive, "load": load,
    "labels": lambda X, Y: Y.T.reshape((-1,)), "theta": 0.2, "lr": 20,
    "cut": lambda state: [s.detach() for s in state], "retain": False,
    "reduce": lambda losses: losses.mean(), "clip": d2l.grad_clipping,
    "seed": lambda epoch: epoch + 1, "evaluating": autograd.predict_mode}

# %% [markdown]
# The program itself is the five boxes of {numref}`fig-training-step`, and a
# report. `p` holds its parts. Each epoch and each report begins with the
# state of [the LSTM from scratch](lstm.py): zeros, for `H` and for `C`.


# %%
def init_lstm_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),
            nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx))


zeros = init_lstm_state(sizes[0], num_hiddens, ctx=None)


def losses_of(p, model, X, Y, state):
    scores, state = model(X, state)
    return -nd.log_softmax(scores).pick(p.labels(X, Y)), state


def step(p, model, X, Y, state):
    with autograd.record():
        losses, state = losses_of(p, model, X, Y, p.cut(state))
        l = p.reduce(losses)
    l.backward(retain_graph=p.retain)
    p.clip(weights(model), p.theta)
    d2l.sgd(weights(model), p.lr, 1)
    return losses.mean().asscalar(), state


def measure(p, model, text):
    ids, model = nd.array([p.number(text)]), p.load(model)
    state = init_lstm_state(1, num_hiddens, ctx=None)
    with p.evaluating():
        losses, _ = losses_of(p, model, ids[:, :-1], ids[:, 1:], state)
    return d2l.perplexity(losses.mean().asscalar())


def train(p):
    d2l.seed(0)
    model, (training, held_out), history = new_model(), p.split(text), []
    for epoch in range(num_epochs):
        d2l.seed(p.seed(epoch))
        state, means = zeros, []
        for X, Y in p.batches(right["number"](training), *sizes):
            l, state = step(p, model, X, Y, state)
            means.append(l)
        history.append([d2l.perplexity(np.mean(means)),
                        measure(p, model, held_out)])
    return model, np.array(history)


# %% [markdown]
# ## Twelve mistakes
#
# Each mistake replaces a part or two. Each of the twelve programs runs
# without complaint.

# %%
faults = {
    "labels not shifted": {"labels": lambda X, Y: X.T.reshape((-1,))},
    "labels not transposed": {"labels": lambda X, Y: Y.reshape((-1,))},
    "state kept at random": {"batches": d2l.data_iter_random},
    "detach lost": {"cut": lambda state: state, "retain": True},
    "sum for mean": {"reduce": lambda losses: losses.sum()},
    "copy clipped": {"clip": lambda ps, t: [p.grad.clip(-t, t) for p in ps]},
    "a tenth of the rate": {"lr": 2},
    "one seed": {"seed": lambda epoch: 1},
    "dropout left on": {"evaluating": autograd.train_mode},
    "another numbering": {"number": lambda text: [
        vocab_size - 1 - char_to_idx[char] for char in text]},
    "held-out text leaks": {"split": lambda t: (t[2000:6000], t[4000:6000])},
    "gates swapped": {"load": lambda model: load(model, (0, 1, 3, 2))}}

# %% [markdown]
# ## Twelve pairs of curves
#
# Here are their curves, marked A to L, in random order. Solid lines are the
# perplexity in training, dashed lines the reported perplexity of the
# held-out text. The grey lines are those of the right program.

# %%
names = dict(zip("ABCDEFGHIJKL", random.Random(3).sample(
    sorted(faults), len(faults)), strict=True))
programs = {letter: SimpleNamespace(**right | faults.get(name, {}))
            for letter, name in {"right": "", **names}.items()}
runs = {letter: train(p) for letter, p in programs.items()}
panels = d2l.new_figure((9, 10)).subplots(4, 3, sharex=True, sharey=True)
for axes, letter in zip(panels.ravel(), names, strict=True):
    axes.set_prop_cycle(linestyle=["-", "--"])
    axes.plot(range(1, num_epochs + 1), runs["right"][1], color="0.6")
    axes.plot(range(1, num_epochs + 1), runs[letter][1], color="C3")
    axes.set(title=letter, yscale="log", ylim=(0.9, 1000))
axes.figure.supxlabel("epoch")
axes.figure.supylabel("perplexity")
axes.figure

# %% [markdown]
# **Your turn.** Give each letter its mistake, and write down a test that
# would have found it, before you open the answers. {numref}`fig-mistakes` is
# a hint: it shows in which part of the program each letter sits.
#
# ```{figure} /figures/mistakes.svg
# :name: fig-mistakes
# :alt: The five parts of a training step, and the report, with letters.
#
# Where the twelve mistakes sit: in the five parts of a step of training, and
# in the report on the held-out text.
# ```
#
# **A.** Both curves lie on the grey ones.
#
# <details class="solution">
# <summary></summary>
#
# Detach lost. The state still hangs on the graph that computed it. Here
# MXNet would stop with an error at the second mini-batch, if
# `retain_graph=True` did not silence it. (In [the first
# network](rnn_scratch.py) not even the error appears.) The gradient of the
# $k$-th mini-batch goes back through all $k$, so time and memory grow until
# the epoch ends. Test: after ten mini-batches, the graph of the loss holds
# one of them (e). Mend: assign what `detach` returns, and drop
# `retain_graph`.
#
# </details>
#
# **B.** Training ends far below the grey curve, and the report turns up.
#
# <details class="solution">
# <summary></summary>
#
# One seed. Each epoch begins with the same seed, so dropout draws the same
# masks for the same mini-batches, and the model learns the masks along with
# the text. It looks like a model that is too large, but the usual remedy,
# more dropout, meets the same mistake. Test: two epochs have different seeds
# (g). Mend: derive the seed from the epoch.
#
# </details>
#
# **C.** After the first epoch hardly anything happens.
#
# <details class="solution">
# <summary></summary>
#
# Labels not transposed. Scores come step by step, these labels row by row.
# There are 200 of each, but nearly every score meets a label from another
# place in the text, about which it says little. Test: for the text 0, 1, 2,
# ..., each label is its input plus 1 (a). Mend: `Y.T`.
#
# </details>
#
# **D.** Training starts far outside the panel, and neither curve reaches the
# grey ones.
#
# <details class="solution">
# <summary></summary>
#
# Copy clipped. `clip` returns a new array, which nobody uses. Test: after
# a step with a small $\theta$, the norm of the gradient is at most $\theta$
# (f). Mend: `grad_clipping`, which works in place, and bounds the norm of
# all gradients together.
#
# </details>
#
# **E.** Training is the grey curve. The report starts at twice its own grey
# curve, and rises above a uniform guess.
#
# <details class="solution">
# <summary></summary>
#
# Gates swapped. Gluon stores the input gate, the forget gate, the candidate
# and the output gate; whoever loads the model here takes the last two in the
# order of [the LSTM from scratch](lstm.py). The shapes agree. Had training
# used that order, too, nothing would be wrong: a gate has the name that we
# give it. Test: the loaded model has the scores of the saved one (j). Mend:
# write the order into the file.
#
# </details>
#
# **F.** Training is the grey curve; the report lies a little above its own.
#
# <details class="solution">
# <summary></summary>
#
# Dropout left on. The report runs in training mode, so a fifth of the values
# is missing. The model is as good as the right one, but may be stopped too
# early, or lose to a worse one. Test: the same text has the same loss twice
# (h). Mend: `predict_mode`.
#
# </details>
#
# **G.** Both curves lie on the grey ones.
#
# <details class="solution">
# <summary></summary>
#
# Sum for mean. The gradient is 200 times as large, but clipping shortens
# both, and the right one, too, has the length $\theta$ in nearly every step.
# The mistake waits until somebody raises $\theta$ or drops the clipping.
# Test: the first loss is $\log$ `vocab_size` (c). Mend: `mean`.
#
# </details>
#
# **H.** Training is almost the grey curve. The report is better, even better
# than training.
#
# <details class="solution">
# <summary></summary>
#
# Held-out text leaks. The last 2,000 characters are in both parts. The model
# is fine; the number that would be published is not. No curve shows by how
# much it is wrong; a third part of the text, which no program has read, does
# (the column "true" below). Test: no 40 characters of the held-out part occur
# in the training part (k). Mend: cut the text once, before anything else.
#
# </details>
#
# **I.** As the grey curves, but slower.
#
# <details class="solution">
# <summary></summary>
#
# A tenth of the rate. Every number is true; seen alone, the curve just makes
# the task look hard. Test: fifty steps are enough to learn one mini-batch by
# heart (d). Mend: compare rates three times larger and smaller first of all.
#
# </details>
#
# **J.** Training lies above the grey curve, the report hardly.
#
# <details class="solution">
# <summary></summary>
#
# State kept at random. Random mini-batches do not follow one another, yet
# each begins with the state that the last one left. Test: the first inputs of
# a mini-batch are the last labels of the one before (b). Mend: consecutive
# sampling, or a state of zeros for each mini-batch (such a program still
# fails (b), which looks at the order alone).
#
# </details>
#
# **K.** Perplexity 1, in training and in the report.
#
# <details class="solution">
# <summary></summary>
#
# Labels not shifted. The label of a character is that character. The model
# copies its input, and the report, made with the same labels, agrees. Test:
# each label is its input plus 1 (a). Mend: `Y` for `X`. If a loss is too
# good, read one example yourself.
#
# </details>
#
# **L.** Training is the grey curve. The report is worse than a uniform guess
# from the first epoch on.
#
# <details class="solution">
# <summary></summary>
#
# Another numbering. The text of the report is numbered by another
# vocabulary, such as `list(set(text))` of another process. Test: the ids
# turn back into the text (i). Mend: sort the vocabulary, and save it with
# the weights.
#
# </details>

# %% [markdown]
# ## Eleven tests
#
# Each test gets the parts `p` and a new model, and passes if it returns 1 or
# True. None trains for more than fifty steps, and most do not train at all.
# The text 0, 1, 2, ... shows at a glance what a sampler and a reshape do.

# %%
X, Y = next(d2l.data_iter_consecutive(right["number"](text), *sizes))


def labels_come_next(p, model):  # a
    X, Y = next(p.batches(range(900), *sizes))
    return (p.labels(X, Y) == X.T.reshape((-1,)) + 1).min() == 1


def states_continue(p, model):  # b
    (_, Y), (X, _), *_ = p.batches(range(900), *sizes)
    return (X[:, 0] == Y[:, -1]).min() == 1


def first_loss(p, model):  # c
    losses, _ = losses_of(p, model, X, Y, zeros)
    return abs(p.reduce(losses) / np.log(vocab_size) - 1) < 0.05


def by_heart(p, model):  # d
    for _ in range(50):
        step(p, model, X, Y, zeros)
    return measure(p, model, text[:sizes[1] + 1]) < 2


def batches_in_graph(p, model, state=zeros):  # e: one of ten
    for _ in range(10):
        with autograd.record():
            losses, state = losses_of(p, model, X, Y, p.cut(state))
    return autograd.get_symbol(losses).debug_str().count("Op:RNN")


def norm_bounded(p, model):  # f
    step(SimpleNamespace(**vars(p) | {"theta": 0.01}), model, X, Y, zeros)
    return d2l.grad_clipping(weights(model), None) < 0.011


def epochs_differ(p, model):  # g
    return p.seed(0) != p.seed(1)


def same_loss_twice(p, model):  # h
    return measure(p, model, text[:99]) == measure(p, model, text[:99])


def text_comes_back(p, model):  # i
    return "".join(idx_to_char[i] for i in p.number(text)) == text


def model_comes_back(p, model):  # j
    return (p.load(model)(X, zeros)[0] == model(X, zeros)[0]).min() == 1


def held_out_is_new(p, model):  # k
    training, new = p.split(text)
    return not any(new[i:i + 40] in training for i in range(len(new) - 39))


# %% [markdown]
# `by_heart` trains on one mini-batch and then measures the first of its rows
# as the report does, so it can also find a wrong numbering or wrong weights
# there.
#
# ## Which test finds which mistake
#
# The table has every test on every program: `x` is a failure. To the left
# are the perplexity in training, the reported one, and the true one, which
# the right report finds on 2,000 characters that no program has read.

# %%
tests = (labels_come_next, states_continue, first_loss, by_heart,
         batches_in_graph, norm_bounded, epochs_differ, same_loss_twice,
         text_comes_back, model_comes_back, held_out_is_new)
failed, ends = {}, {}
print(f"{'training':>37}{'reported':>10}{'true':>10}  abcdefghijk")
for letter, p in programs.items():
    model, history = runs[letter]
    true = measure(programs["right"], model, text[6000:8000])
    ends[letter] = np.array([*history[-1], true])
    failed[letter] = [test(p, new_model()) != 1 for test in tests]
    print(f"{letter:5} {names.get(letter, ''):<21}", *map(
        "{:9.4g}".format, ends[letter]), "",
        "".join(".x"[bool(fails)] for fails in failed[letter]))
assert [any(f) for f in failed.values()] == [False] + [True] * 12
changes = {x: abs(np.log(ends[x] / ends["right"])) for x in names}
assert num_epochs < 10 or all(changes[x].max() > 0.05 for x in "BCDEFHIJKL")
assert num_epochs < 10 or all(changes[x][0] < 0.001 for x in "AG")

# %% [markdown]
# On the sonnets that come with the package, two tests find half of the
# twelve: (a) and (d). Learning one mini-batch by heart (d) finds five, two of
# them (E and L) because here it passes through the report as well; (a) finds
# two, and each of the others one. Eight mistakes are found by a single test
# each, and by eight different tests. These eight would find all twelve; (f),
# (i) and (j) find nothing that (d) does not, but they say where to look.
#
# ## Three that hide
#
# A and G change no curve that one could see. J does worse in training, but
# for which reason: the order, the right state that is missing, or the wrong
# one in its place? The graph of A is counted, the other two are compared with
# twins:

# %%
free = right | {"clip": lambda params, theta: None, "lr": 5}
reset = {"cut": lambda state: zeros}
twins = [train(SimpleNamespace(**parts))[1][-1, 0] for parts in (
    free, free | faults["sum for mean"],
    right | reset | faults["state kept at random"], right | reset)]
print(f"{batches_in_graph(programs['A'], new_model())} batches in the graph;",
      "in training", *(f"{perplexity:.4g}" for perplexity in twins))
assert num_epochs < 10 or (
    100 * twins[0] < twins[1] and twins[3] < twins[2] < ends["J"][0])

# %% [markdown]
# The graph of A holds ten mini-batches where one would do. Then come the
# perplexities of four more trainings. Without clipping, and with a rate of 5,
# the mean learns as before, and the sum explodes: that is what waits in G.
# In the last two each mini-batch begins with zeros; the third samples at
# random, the fourth consecutively. From the right program to the fourth, to
# the third and to J, training gets worse each time: without the state, by the
# other order, and most by a state from another place. (One seed each: a
# difference as small as that of the order, 2 %, may be chance.)
#
# ## Results
#
# The number to remember is the difference that A and G make to the training
# curve at its end: less than one in a thousand. E, F and L do not touch it
# at all, H changes it by a few per cent, and B and K make it better. So in
# eight cases of twelve the training curve looks as it should, or better.
# Among these is the worst: K has a perplexity of 1 in training, and of
# millions on new text.
#
# ## Summary
#
# * A training curve shows that something is learned, not what. Put a second
#   number beside it, from a text that nothing else has touched, and let code
#   that shares nothing with the training compute it.
# * If training is as it should be and the report is not, look at what only
#   the report does: numbering, loading, evaluating. If the report is too
#   good, look at the text that it reads.
# * Most tests of a training need no training: they check the order with the
#   text 0, 1, 2, ..., bounds such as $\theta$, and what must come back
#   unchanged.
# * A mistake can hide behind another part that works: clipping hid a sum.
#
# ## Exercises
#
# 1. (\*) Why is $\log$ `vocab_size` the right first loss? Which weights of a
#    new model would make it larger if they were a hundred times as large?
# 2. (\*) `by_heart` does not find "labels not shifted". Why not? Find a small
#    change of the test that does.
# 3. (\*\*) Without dropout, one seed for all epochs can still do harm. To
#    what, and with which sampler?
# 4. (\*\*\*) Make a thirteenth mistake that none of the eleven tests finds,
#    and write the test that does.
#
# ## Further reading
#
# * A. Karpathy, *A Recipe for Training Neural Networks*, 2019.
# * I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, 2016: chapter
#   11, on practical methodology.
# * *Dive into Deep Learning*: the training loop is in section 6.4 of the
#   first Chinese edition, and 8.5 of the second.
#
# Next: [You read the new edition?](second_edition.py)
