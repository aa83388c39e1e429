# %% [markdown]
# # A window or a memory?
#
# The [char-RNN](char_rnn.py) reads a text from left to right and carries its
# state along. There is a simpler way to train a writer of poems: show it a
# *window* of 40 characters, and ask for the one that follows. Which is
# better, and why? The two differ in what they remember, but also in how often
# they must predict. So a third model is between them: it predicts at every
# step, as the one does, and begins with zeros, as the other does. All three
# have the same layers, and read equally many characters of the same sonnets.
#
# After this lesson you can
#
# * cut a text into windows, train on them, and write with a window that moves
#   on;
# * tell two causes apart by a model that differs in one of them alone;
# * judge a pretrained model on a text that it has not read.
#
# It needs [LSTM](lstm.py) and [char-RNN](char_rnn.py). On two idle cores it
# takes about two minutes with the sonnets that ship (the run shown here took
# three times as long), and five with Shakespeare's. The letters are those of
# the [notation](/notation.md).

# %%
import inspect
import io
import math
import sys
from contextlib import redirect_stdout
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn import shakespeare
from d2lrnn.generation import choose
from d2lrnn.models import context_of
from d2lrnn.models.plot import plot_model, summary
from d2lrnn.report import writable
from d2lrnn.shakespeare import check_probabilities, check_windows
from mxnet import autograd, init, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
poems = shakespeare.load_poems()
vocab_size = poems.vocab_size
print(f"text: {poems.source}, {poems.num_chars:,} characters, "
      f"{vocab_size} distinct, on {ctx}")

# %% [markdown]
# ## Windows
#
# ```{figure} /figures/windows_or_state.svg
# :name: fig-windows-or-state
# :alt: Windows with one prediction each, and a state that goes along.
#
# Above: windows of six characters, one step apart. Each begins with a state
# of zeros and predicts the one character after it. Below: one state is
# carried along the text, and every step predicts.
# ```
#
# The window's model ({numref}`fig-windows-or-state`, above) is two LSTMs and
# an output layer that sees their last step alone:
#
# $$\begin{gathered} \mathbf{H} = \mathrm{LSTM}_2(\mathrm{LSTM}_1(
#   \mathbf{x}_1, \ldots, \mathbf{x}_{40}))_{40}, \\
#   \mathbf{Y} = \mathbf{H} \mathbf{W}_{hq} + \mathbf{b}_q, \\
#   x_{41} \sim \mathrm{softmax}(\mathbf{Y}). \end{gathered}$$
#
# Every window begins with a state of zeros, so windows are examples like any
# others, and can be shuffled. One begins at every third character.


# %%
def build_data(text, Tx=40, stride=3):
    check_windows(text, Tx, stride)
    starts = range(0, len(text) - Tx, stride)
    X = [text[i:i + Tx] for i in starts]
    Y = [text[i + Tx] for i in starts]
    print("number of training examples:", len(X))
    return X, Y


Tx = 40
X, Y = build_data(poems.text, Tx)
for i in range(3):
    print(f"{X[i]!r} -> {Y[i]!r}")
million = 1e6 / 3 * Tx * vocab_size / 1e9
print(f"one-hot, as booleans: {len(X) * Tx * vocab_size / 1e6:.0f} MB for "
      f"these, {million:.2f} GB for a text of a million characters")

# %% [markdown]
# So training keeps ids, takes windows as views that copy nothing, and makes
# one-hot vectors of one mini-batch at a time.
#
# ## The model
#
# The first LSTM hands on all its outputs, the second only its last one, with
# dropout after each. An id of -1 becomes a vector of zeros, with which a
# beginning shorter than the window is padded on the left.

# %%
model = d2l.WindowLSTM(vocab_size, num_hiddens=128, dropout=0.5, Tx=Tx)
print(inspect.getsource(model.hybrid_forward))
print(summary(model))

# %%
d2l.show(plot_model(model, writable(Path("runs")) / "shakespeare.svg"))

# %% [markdown]
# ## The same layers, predicting at every step
#
# A `CharRNN` of one-hot vectors and two LSTMs has parameters of the same
# shapes. Without dropout it is even the same function: with the same weights,
# it gives the same scores after a window of 40. What differs is how the two
# are trained: it predicts at every step, and hands its state on. The third
# model does the first and not the second.


# %%
class Forgetful(d2l.CharRNN):
    """A CharRNN that begins each mini-batch with a state of zeros."""

    def __call__(self, X, state):
        return super().__call__(X, [nd.zeros_like(s) for s in state])


windows = d2l.WindowLSTM(vocab_size, num_hiddens=128, dropout=0, Tx=Tx)
forgetful, carried = (kind(vocab_size, None, num_hiddens=128, num_layers=2)
                      for kind in (Forgetful, d2l.CharRNN))
windows.initialize(init.Xavier(), ctx=ctx)
for other in (forgetful, carried):
    other.initialize(ctx=ctx)
    for theirs, ours in zip(windows.collect_params().values(),
                            other.collect_params().values(), strict=True):
        ours.set_data(theirs.data())
ids = nd.array(poems.corpus_indices[:8 * Tx].reshape(8, Tx), ctx=ctx)
last = carried(ids, carried.begin_state(8, ctx))[0][-8:]
assert np.allclose(windows(ids)[0].asnumpy(), last.asnumpy(), atol=1e-5)

# %% [markdown]
# ## Training all three
#
# They begin with these weights and learn with Adam at a rate of 0.001; the
# last twentieth of the text is held out. An epoch of windows reads each
# character $40 / 3 \approx 13$ times, to predict a third of them once. In the
# same number of characters read, the other two go through the text 13 times,
# in pieces of 35, and predict at each step.

# %%
options = {"lr": 1e-3, "held_out": 0.05, "clipping_theta": 1.0,
           "seed": seed, "ctx": ctx}
models = {"windows": windows, "forgetful": forgetful,
          "a carried state": carried}
histories = {"windows": shakespeare.fit(windows, poems, d2l.epochs(3),
                                        **options)}
num_epochs = round(len(histories["windows"]) * Tx / 3)
for label in ("forgetful", "a carried state"):
    with redirect_stdout(io.StringIO()):  # a line for each epoch
        histories[label] = d2l.fit(models[label], poems,
                                   d2l.epochs(num_epochs), **options)

# %%
print(f"{'':<18}{'read':>12}{'predicted':>12}{'seconds':>9}{'training':>10}"
      f"{'held out':>10}")
for label, history in histories.items():
    predicted = sum(record["characters"] for record in history)
    read = predicted * (Tx if label == "windows" else 1)
    end = history[-1]
    print(f"{label:<18}{read:>12,}{predicted:>12,}"
          f"{sum(record['seconds'] for record in history):>9.1f}"
          f"{end['loss']:>10.3f}{end['held_out_loss']:>10.3f}")
print(f"uniform guess {math.log(vocab_size):.3f}, frequencies alone "
      f"{math.log(d2l.unigram_perplexity(poems.corpus_indices)):.3f} nats")

# %% [markdown]
# The columns are characters read and predicted, seconds, and losses in nats,
# held out read as in training. (Tried out with few epochs, they do not read
# the same number.)
#
# ## Which of the two causes is it?
#
# The loss on the same held-out characters, after a context of $n$ characters
# alone, tells how much of the context a model uses. All three can read
# contexts of any length, but the windows' model was only ever asked after 40
# characters: below that, its curve says little.

# %%
longest = 80
_, held_out_ids, _ = d2l.split(poems, 0.05)


def loss_after(model, ids, n):
    """Return the mean loss of every third id after the n ids before it."""
    starts = np.arange(longest - n, len(ids) - n, 3)
    X = nd.array(ids[starts[:, None] + np.arange(n)], ctx=ctx)
    Y, _ = model(X, model.begin_state(len(starts), ctx))
    y = nd.array(ids[starts + n], ctx=ctx)
    losses = -nd.pick(nd.log_softmax(Y[-len(starts):]), y)
    return float(losses.mean().asscalar())


contexts = (1, 3, 5, 10, 20, 40, 80)
losses, _ = d2l.evaluate(carried, held_out_ids, batch_size=1)
all_before = float(losses[0, longest - 1::3].mean())
figure = d2l.new_figure((9, 3.4))
left, right = figure.subplots(1, 2, sharey=True)
for label, trained in models.items():
    read = np.linspace(0, 1, len(histories[label]) + 1)[1:]
    left.plot(read, [record["held_out_loss"] for record in histories[label]],
              "o-", markersize=3)
    after = [loss_after(trained, held_out_ids, n) for n in contexts]
    right.plot(contexts, after, "o-", label=label)
    print(f"{label:<18}", *(f"{n}: {l:.3f} " for n, l in zip(
        contexts, after, strict=True)))
print(f"a carried state, the whole text before: {all_before:.3f}")
right.axhline(all_before, color="C2", ls=":", label="the whole text before")
left.set(xlabel="share of the training", ylabel="held-out loss, nats")
right.set(xlabel="characters of context", xscale="log")
right.legend()
figure

# %% [markdown]
# At 40 characters, where all three read the same, two distances can be
# compared. From the windows to the forgetful model it is far: each character
# that this one reads gives a loss, so it made 40 times as many predictions;
# and since its mini-batches read fewer characters, it also made four to five
# times as many updates. From there to the carried state, the memory alone
# differs, and on the sonnets that ship, with all epochs, nothing is won by
# it. The forgetful model is even a little ahead, and after few characters far
# ahead: it has practised beginning with zeros. And where the carried state
# has read all the text before, on the dotted line, it gains nothing over 40
# characters: gradients that stop after 35 steps hardly teach it to remember
# farther. [When do gates win?](long_memory.py) has a task in which memory
# decides.
#
# ## A model that was trained before
#
# The package ships a model of windows, trained on the first 95 % of fifty
# original sonnets. How good is it? Those 95 % cannot say: it has read them
# again and again. Only the last 5 % count, although they chose the epoch that
# ships. (With a text of your own, hold out its end, and not some of its
# windows, whose neighbours share 37 of their 40 characters.) Since a window
# begins at every third character, the 95 % come in two kinds: the characters
# that the model was trained to predict, and two others after each, which it
# only read.

# %%
pretrained = shakespeare.load_pretrained(ctx)
sonnets = shakespeare.load_poems("original_sonnets.txt")
seen, unseen, _ = d2l.split(sonnets, 0.05)  # windows begin at 42, and at 40
asked, read, new = (loss_after(pretrained, ids, Tx)
                    for ids in (seen[2:], seen, unseen))
print(f"{asked:.3f} nats where it was asked, {read:.3f} where it only read, "
      f"{new:.3f} on the rest")
assert asked < read - 0.2 and abs(read - new) < 0.2

# %% [markdown]
# The last two are close: language alone leaves about 1.9 nats a character, in
# the model's own sonnets and in new ones. Where it was asked it does far
# better, by memory, in spite of dropout 0.5. Training can go on from its
# weights. (The held-out loss that `fit` measures is of another third of the
# last 5 %, and so not the one above.)

# %%
more = shakespeare.fit(pretrained, sonnets, num_epochs=1, lr=1e-4, seed=seed,
                       ctx=ctx)

# %% [markdown]
# ## Writing
#
# The model gives probabilities; which character is written is drawn, at a
# [temperature](decoding.py). The window then moves on by this character.


# %%
def sample(preds, temperature=1.0, rng=None):
    check_probabilities(preds)
    with np.errstate(divide="ignore"):
        scores = np.log(preds)
    return choose(scores, temperature, rng=rng or np.random.default_rng())


def write_on(model, window, num_chars, temperature, rng):
    ctx = context_of(model)
    for _ in range(num_chars):
        scores, _ = model(nd.array([window], ctx=ctx))
        i = sample(scores[0].softmax().asnumpy(), temperature, rng)
        window = [*window[1:], i]
        yield model.idx_to_char[i]


for temperature in (0.2, 0.7, 1.5):
    text = "".join(shakespeare.write(pretrained, "my love ", 60, temperature,
                                     seed))
    print(f"temperature {temperature}: {text!r}")

# %% [markdown]
# In a terminal, `generate_output` asks how the poem begins; here the
# beginning is given.

# %%
prompt = None if sys.stdin and sys.stdin.isatty() else "when all the lamps"
poem = shakespeare.generate_output(pretrained, prompt, num_chars=300,
                                   temperature=0.7, seed=seed)

# %% [markdown]
# ## A common mistake: writing with dropout on
#
# In Gluon dropout is active only under `record` or `train_mode`. A loop that
# leaves it on judges and writes with half of the units.

# %%
few = sonnets.corpus_indices[-38 * Tx:].reshape(38, Tx)  # never read
X, y = nd.array(few[:, :-1], ctx=ctx), nd.array(few[:, -1], ctx=ctx)
off = pretrained(X)[0]
with autograd.train_mode():
    on = [pretrained(X)[0] for _ in range(2)]
for label, Y in (("off", off), ("on", on[0]), ("on again", on[1])):
    l = -nd.pick(nd.log_softmax(Y), y).mean().asscalar()
    print(f"dropout {label}: {l:.3f} nats")
assert np.array_equal(off.asnumpy(), pretrained(X)[0].asnumpy())
assert not np.array_equal(*(Y.asnumpy() for Y in on))

# %% [markdown]
# ## Results

# %%
report = d2l.write_report("shakespeare", histories, poems, {
    **windows.config, "batch_size": 128, "stride": 3, "optimizer": "adam",
    **options})

# %% [markdown]
# With Shakespeare's sonnets, the recorded perplexities of two of the three
# were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- shakespeare -->
# :end-before: <!-- end of shakespeare -->
# ```
#
# With dropout 0.5 and more epochs, a model of windows (`python -m
# benchmarks.studies.sonnets`) had these losses, in nats. Held out is measured
# after the epoch and without dropout, so it can be lower:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- sonnets -->
# :end-before: <!-- end of sonnets -->
# ```
#
# ## Summary
#
# * A window is simple: examples are independent and can be shuffled. But it
#   reads 40 characters for each that it learns to predict.
# * A model that predicts at every step learns from every character that it
#   reads. Here it is this that wins, and the larger number of updates, not
#   the memory: without a model in between, we would have credited the memory.
# * A model is judged on what it has not read; what it was asked for in
#   training, it may know by heart.
#
# ## Exercises
#
# 1. (\*) How often does an epoch of windows read a character, and how often
#    does it predict one, with `stride=1`?
# 2. (\*) Write 400 characters at temperature 0. Why must such a poem go round
#    in circles in the end, and why need it not at 0.7?
# 3. (\*\*) Is it the number of updates that wins? Give the windows' model as
#    many as the forgetful one, by a smaller `batch_size` of `fit`. How much
#    of the distance between the two is left?
# 4. (\*\*) Train on windows of 10 and of 40 characters, until both models
#    have read equally many characters. Which predicts the held-out text
#    better, and why?
# 5. (\*\*\*) Train the other two with a `num_steps` of 2 and of 48. When is a
#    carried state worth something?
#
# ## Further reading
#
# * A. Graves, *Generating Sequences With Recurrent Neural Networks*, 2013.
# * A. Karpathy, J. Johnson and L. Fei-Fei, *Visualizing and Understanding
#   Recurrent Networks*, 2015: how far back character models
#   remember.
# * A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, *The Curious Case of
#   Neural Text Degeneration*, 2019: why the most probable text is dull.
#
# In the book, the two samplings of a text are section 6.3 of the first
# edition and 8.3 of the second. Next: [Improvising jazz](jazz.py).
