# %% [markdown]
# # Regularisation
#
# A large model that is trained for long enough on a short text learns it by
# heart, and predicts other texts worse than before. Why does it get worse,
# and what keeps it from doing so?
#
# After this lesson you can
#
# * say what each of the three parts of a text is for;
# * drop units, drop weights and average weights, and say where each acts;
# * make a model that is too sure of itself less sure, without more training;
# * let a model go on learning while it is measured, and say what the result
#   may be compared with.
#
# It needs [the char-RNN](char_rnn.py), and takes about eight minutes on two
# cores. The letters are those of the [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare", num_chars=30_000)
print(f"{corpus.source}: {corpus.vocab_size} distinct characters, on {ctx}")

# %% [markdown]
# ## Three parts of a text
#
# We shall train several models, and keep the best. Which one is the best must
# be decided on characters that none of them was trained on; and how good it
# is, on characters that have decided nothing. The lowest of ten measured
# losses is usually too low: its model was lucky, too. So a text has three
# parts: eight tenths to *train* on, one tenth to *choose* by (the validation
# part), and one to *test* on, once. `fit` takes a corpus, so we load the
# first nine tenths again, in the same vocabulary. (If tiny Shakespeare cannot
# be downloaded, the sonnets that ship with the package take its place, as on
# this page.)

# %%
rest, test_ids, _ = d2l.split(corpus, 0.1)
chosen_by = d2l.load_corpus("tinyshakespeare", num_chars=len(rest),
                            vocabulary=corpus.idx_to_char)
train_ids, valid_ids, _ = d2l.split(chosen_by, 1 / 9)
print(f"{len(train_ids):,} characters to train on, {len(valid_ids):,} to "
      f"choose by, {len(test_ids):,} to test on")

# %% [markdown]
# ## Why does it get worse?
#
# Here is a model with two LSTM layers of 256 units each, and nothing against
# *overfitting*, as this getting worse is called. `fit` measures it after each
# epoch on the validation part, and calls that *held out*. It prints
# perplexities; we compare losses in *nats*: the mean, over the characters, of
# minus the natural logarithm of the probability that the model gave to each.
# The perplexity is $e$ to the power of the loss.


# %%
settings = {"batch_size": 20, "num_steps": 50, "seed": seed, "ctx": ctx,
            "held_out": 1 / 9}
epochs, histories, models = d2l.epochs(30), {}, {}


def train(label, lr=5e-3, schedule="one_cycle", average=None, **drop):
    model = d2l.CharRNN(corpus.vocab_size, 64, 256, 2, **drop)
    history = d2l.fit(model, chosen_by, epochs, lr, schedule=schedule,
                      average=average, **settings)
    histories[label], models[label] = history, model
    losses = [record["held_out_loss"] for record in history]
    print(f"{label}: training {history[-1]['loss']:.3f}, validation "
          f"{losses[-1]:.3f}, at best {min(losses):.3f} after epoch "
          f"{np.argmin(losses) + 1} of {epochs}")


train("nothing")
num_params = sum(param.data().size for param
                 in models["nothing"].collect_params().values())
print(f"{num_params:,} parameters, {len(train_ids):,} characters")

# %%
figure = d2l.new_figure((7, 3))
axes = figure.subplots()
for key, label in (("loss", "training"), ("held_out_loss", "validation")):
    axes.plot(range(1, epochs + 1), [r[key] for r in histories["nothing"]],
              label=label)
axes.set(xlabel="epoch", ylabel="nats a character")
axes.legend()
figure

# %% [markdown]
# The model has many times as many parameters as the text has characters, so
# it has room to learn the text by heart. At first what lowers the one loss
# lowers the other, since what it learns is the language. Then it learns which
# character follows *here*, and is sure of it; and where the same words go on
# differently, being sure is expensive: a probability of 1/1000 for the right
# character costs $\ln 1000 = 6.9$ nats.
#
# Two cures need nothing new. *Stop early*: keep the epoch with the lowest
# validation loss, as `fit` does when it is given a folder. *Give it more
# text* (exercise 2). We leave both aside; the others follow.
#
# What follows is one seed and a small text: a method that wins elsewhere may
# lose here, and differences of a hundredth of a nat may be luck. And the
# training loss is measured with units and weights dropped, so it cannot be
# compared between trainings that drop and those that do not; the validation
# loss can.
#
# ## Dropping units
#
# [Dropout](char_rnn.py) sets each unit to 0 with probability $p$, and
# divides the others by $1 - p$, so that their mean stays what it was. So no
# unit can remember a place in the text for all the others: it may be missing.
# Here it acts on the input of each layer and on the last output, anew at each
# step (Zaremba et al. 2014). Gal and Ghahramani (2016) draw one mask for each
# row of the mini-batch, and use it at all its steps. With new masks, a unit
# that is missing now was perhaps there one step ago; with one mask it stays
# missing. (This is *variational* dropout, or half of it: they drop the state
# between the steps with one mask, too.) In the figure each row is a unit,
# each column a step, and black is 0.

# %%
figure = d2l.new_figure((7, 2.2))
one = nd.ones((40, 1, 12))  # (num_steps, batch_size, num_hiddens)
with autograd.train_mode():
    masks = {"a new mask at each step": nd.Dropout(one, p=0.5),
             "one mask for all steps": nd.Dropout(one, p=0.5, axes=(0,))}
for axes, (title, mask) in zip(figure.subplots(1, 2), masks.items(),
                               strict=True):
    axes.imshow(mask[:, 0].asnumpy().T, cmap="gray", aspect="auto")
    axes.set(title=title, xlabel="step", ylabel="unit", yticks=())
figure

# %%
train("dropout", dropout=0.5)
train("dropout, one mask for all steps", dropout=0.5, variational=True)

# %% [markdown]
# ## Dropping weights, which does not always pay
#
# Between the steps nothing was dropped: with a new mask at each step, a unit
# of a state that is merely copied would survive ten steps once in a thousand
# times ($0.5^{10} = 0.001$). Merity et al. (2018) drop not the state, but
# some of the *weights* that read it, with one mask $\mathbf{M}$ of zeros and
# ones for a whole mini-batch. In each layer, the gates and the candidate read
#
# $$\mathbf{H}_{t-1}\, \frac{\mathbf{M} \odot \mathbf{W}_{hh}}{1 - p}$$
#
# in place of $\mathbf{H}_{t-1} \mathbf{W}_{hh}$, where $\mathbf{W}_{hh}$
# holds the matrices of all of them; the memory cell stays whole. (Wan et al.
# 2013 did this to networks without recurrence, as *DropConnect*.) In each
# layer it costs a drawn mask and an elementwise product. With $p = 1/2$ and a
# row of weights:

# %%
W_hh = nd.array([[0.1, -0.4, 0.3, 0.2]])
with autograd.train_mode():
    dropped = nd.Dropout(W_hh, p=0.5)
print(W_hh.asnumpy(), "->", dropped.asnumpy())
assert all(new in (0, 2 * old) for new, old in zip(
    dropped.asnumpy()[0], W_hh.asnumpy()[0], strict=True))

# %%
train("dropout, weights dropped", dropout=0.5, weight_drop=0.5)

# %% [markdown]
# ## Averaging the weights
#
# The steps of training are noisy: each follows the gradient of one
# mini-batch. Lowering the learning rate towards the end lets the noise die
# down. Or one leaves it as it is, and averages the weights $\mathbf{w}_t$
# that the steps pass through. Polyak and Juditsky (1992) average all of them;
# the usual form today forgets the early ones:
#
# $$\bar{\mathbf{w}}_t = a\,\bar{\mathbf{w}}_{t-1} + (1 - a)\,
#   \mathbf{w}_t.$$
#
# With $a = 0.99$ this is an average over about the last $1 / (1 - a) = 100$
# steps. To forget the first weights sooner, `fit` takes $t / (t + 9)$ for $a$
# in step $t$ as long as that is below 0.99, which is for the first 890 steps.
# This training has only about 700, so at its end the average is over about 80
# steps, or three epochs.
# Training does not notice it: it goes on with $\mathbf{w}_t$, and
# $\bar{\mathbf{w}}_t$ is what is measured and kept. So two trainings, with
# averages and without, take the same steps.

# %%
for label, average in (("constant rate", None),
                       ("constant rate, averages", 0.99)):
    train(label, lr=2e-3, schedule="constant", average=average, dropout=0.5)

# %% [markdown]
# ## What did each method gain?

# %%
at_end = {label: history[-1]["held_out_loss"]
          for label, history in histories.items()}
at_best = {label: min(record["held_out_loss"] for record in history)
           for label, history in histories.items()}
figure = d2l.new_figure((7, 2.8))
axes = figure.subplots()
axes.plot(list(at_end.values()), list(at_end), "C1o",
          label="after the last epoch")
axes.plot(list(at_best.values()), list(at_best), "C0o",
          label="after the best epoch")
axes.invert_yaxis()
axes.set(xlabel="validation loss, nats a character")
axes.grid(axis="y", alpha=0.3)
axes.legend(fontsize="small")
figure

# %% [markdown]
# On the sonnets, the first run with dropout, whose rate falls, ends lowest.
# Without dropout, the lowest loss comes about halfway, and the rest of the
# training spoils it. One mask for all steps ends a hundredth above the first
# run, which may be luck. Dropping weights as well is too much here: the end
# is as good as the best epoch without any dropout. For most of the training,
# the averages trailed the weights, which were still improving. At the end
# they lead by less than a hundredth; by their best epochs, the two are equal.
# The falling rate did a little better, but its peak was also higher, so these
# runs do not say which of the two helped, if either did.
#
# ## Less sure of itself
#
# A model that knows its text by heart is too sure on a new one: of the
# characters that it gives a probability of 0.9, fewer than nine in ten come.
# Some of this can be mended after the training: divide the scores $y_j$ by a
# temperature $\tau$, as in [decoding](decoding.py), here with $\tau > 1$:
#
# $$p_j = \frac{\exp(y_j / \tau)}{\sum_i \exp(y_i / \tau)}.$$
#
# No weight changes, and the likeliest character stays the likeliest; the
# probabilities only come closer together (Guo et al. 2017). There is one
# number to choose, and the validation part chooses it. (`fit` read that part
# in 20 rows, each with an empty state at its beginning. From here on it is
# read in one row, so its losses are a little lower than above.)

# %%
temperatures = np.arange(0.8, 3.01, 0.2)
best = min(at_end, key=at_end.get)
figure = d2l.new_figure((7, 3))
axes = figure.subplots()
for label in ("nothing", best):
    losses = [d2l.evaluate(models[label], valid_ids, 1, temperature=tau
                           )[0].mean() for tau in temperatures]
    axes.plot(temperatures, losses, "o-", label=label)
    tau = temperatures[np.argmin(losses)]
    as_it_is = d2l.evaluate(models[label], valid_ids, 1)[0].mean()
    print(f"{label}: {as_it_is:.3f} nats as it is, {min(losses):.3f} at "
          f"temperature {tau:.1f}")
axes.set(xlabel="temperature", ylabel="validation loss, nats")
axes.legend()
figure

# %% [markdown]
# On the sonnets the model without dropout is far too sure: at a temperature
# of 1.8 its loss is 0.36 nats lower. The one with dropout is hardly too sure,
# and gains less than a hundredth, at 1.2. No temperature that we tried brings
# the first down to what the second has as it is, or to what it had itself
# after its best epoch (1.790, in 20 rows): dropout changes what a model
# learns, the temperature only how sure of it the model is. The weights stay,
# so this loss may stand beside those of other models.
#
# ## Learning while being measured
#
# A trained model reads a new text with the weights that it has, whatever that
# text says. A human reader goes on learning, and after meeting a name three
# times expects it. So let the model go on learning as it reads (*dynamic
# evaluation*, Mikolov et al. 2010, Krause et al. 2018). It reads 20
# characters, and says how probable it found them; only then does it take a
# step of gradient descent on them, and reads on. This function gives the
# losses and the gradients; the loop that calls it, further down, steps:


# %%
def learning_losses(model, state, X, Y, num_steps):
    ctx = state[0].context
    for i in range(0, X.shape[1], num_steps):
        x, y = (nd.array(ids[:, i:i + num_steps], ctx) for ids in (X, Y))
        state = [s.detach() for s in state]
        with autograd.record():
            output, state = model(x, state)
            l = cross_entropy(output, y.T.reshape(-1))
            mean = l.mean()
        mean.backward()
        yield l


def cross_entropy(output, y):
    return -nd.pick(nd.log_softmax(output), y)


# %% [markdown]
# No character is learned before it has been predicted, so this is not
# cheating. But it is another task, with another number: the weights are not
# the same at the end. Compare it with other models that go on learning, and
# do not conclude from a lower number that it is a better model than one
# whose weights stay.
#
# How large should a step be? A weight whose gradients are small on the
# training text matters little to it: it may move far. One with large
# gradients gets a lower rate, and is pulled back faster. So, like Krause et
# al. (but with $m / 2$ for a constant of theirs), we measure beforehand how
# large the gradients are: $\mathbf{s}$ holds, for each weight, the root of
# the mean square of its gradient over mini-batches of the training text, and
# $m$ is the mean of $\mathbf{s}$ over all weights. With the gradient
# $\mathbf{g}$, the learning rate $\eta$, a decay $\lambda$ and the trained
# weights $\mathbf{w}_0$, a step is
#
# $$\mathbf{w} \leftarrow \mathbf{w} - \eta\,\frac{\mathbf{g}}{\mathbf{s} +
#   m / 2} + \lambda\,\frac{\mathbf{s}}{m} \odot
#   (\mathbf{w}_0 - \mathbf{w}),$$
#
# with divisions element by element. Where $\lambda s / m$ is above 1, we take
# 1 instead, so that no weight is pulled beyond its trained value. We begin
# with neither $\mathbf{s}$ nor $\lambda$: plain gradient descent with an
# untuned rate, on a copy of the best model. The copy has no dropout, since
# `autograd.record()` would switch that on.

# %%
config = {**models[best].config, "dropout": 0.0, "weight_drop": 0.0}
learner = d2l.CharRNN(**config)
learner.initialize(ctx=ctx)
params = [param.data() for param in learner.collect_params().values()]
for param, trained in zip(params, models[best].collect_params().values(),
                          strict=True):
    param[:] = trained.data()
X, Y = valid_ids[None, :-1], valid_ids[None, 1:]
losses = []
for l in learning_losses(learner, learner.begin_state(1, ctx), X, Y, 20):
    losses.append(l.asnumpy())
    for param in params:
        param -= 0.05 * param.grad
plain = np.concatenate(losses)
static = d2l.evaluate(models[best], valid_ids, 1)[0]
print(f"validation part, {best}: {static.mean():.3f} nats as it is, "
      f"{plain.mean():.3f} with plain gradient descent")

# %% [markdown]
# `evaluate_dynamically` applies the whole rule; its `lr` is $\eta$ and its
# `decay` $\lambda$. Both are chosen on the validation part. (On the sonnets,
# the higher rate makes the model worse than it was, unless the decay pulls it
# back hard enough. The lower of these two is best, so a still lower one might
# be better.) Then the model reads the test part three times, with nothing
# left to choose: as it is, while it goes on learning, and at the temperature
# that the validation part chose.

# %%
tried = {}
for lr in (5e-5, 2e-4):
    for decay in (0.0, 0.005, 0.02):
        losses, _ = d2l.evaluate_dynamically(models[best], valid_ids,
                                             train_ids, lr=lr, decay=decay)
        tried[lr, decay] = losses.mean()
        print(f"lr {lr:g}, decay {decay}: {losses.mean():.4f}")
lr, decay = min(tried, key=tried.get)
still = d2l.evaluate(models[best], test_ids, 1)[0][0]
moving = d2l.evaluate_dynamically(models[best], test_ids, train_ids, lr=lr,
                                  decay=decay)[0][0]
calm = d2l.evaluate(models[best], test_ids, 1, temperature=tau)[0]
print(f"test part, lr {lr:g}, decay {decay}: {moving.mean():.3f} nats "
      f"instead of {still.mean():.3f}, or {calm.mean():.3f} at temperature "
      f"{tau:.1f}")

# %%
figure = d2l.new_figure((7, 3))
axes = figure.subplots()
window = np.ones(500) / 500
for losses, label in ((still, "the weights stay"), (moving, "it goes on "
                                                    "learning")):
    axes.plot(np.convolve(losses, window, "valid"), label=label)
axes.set(xlabel="place in the test part", ylabel="nats, mean of 500")
axes.legend(fontsize="small")
figure

# %% [markdown]
# On the sonnets there is little to learn from for about the first thousand
# characters, and the curves lie close together; then the gap opens. (A point
# of the curves is the mean of the 500 characters that begin there.) In all,
# learning on brings 0.015 nats, and the temperature 0.003. On the validation
# part, which chose both, they brought 0.011 and 0.008. A chosen number
# flatters on average, as the first section says; on 3,000 characters, one
# difference may go either way.
#
# ## On a longer text
#
# Thirty thousand characters say little. The models of the first table were
# trained on the first 225,400 characters of tiny Shakespeare. The last column
# is their loss, in nats, after the last epoch, on the 96,600 that follow, a
# validation part. They, too, have two LSTM layers of 256 units. In the first
# row a mini-batch has 25 rows of 50 steps; the learning rate rises to 0.004
# in the first twentieth of the training, then falls to 0 along half a cosine
# (`warmup_cosine`). The second column names the training whose settings a row
# takes over, and then what the row changes in them. After the $\pm$ stands
# the standard deviation over the seeds; the figure has a dot for each.
#
# In the other two tables one trained model is measured again: at several
# temperatures, and while it goes on learning. It is "and weights dropped"
# with seed 1, chosen because the large model of the [results](/results.md)
# drops as much. Here the text is read in one row, which hardly matters:
# 1.5497, against 1.5503 in several rows. (The first table has the mean of
# three seeds.)
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- regularisation -->
# :end-before: <!-- end of regularisation -->
# ```
#
# ![the judged losses](../../benchmarks/records/regularisation.png)
#
# After the last epoch, dropout is worth a tenth of a nat. Half of that can be
# had without it, by stopping early: after six epochs the model without
# dropout was at 1.636. One mask for all steps is no worse than new ones. A
# constant rate, of half the peak, ends where the falling one does; averaging
# its weights gains a hundredth. (Both trainings take the same steps, so
# the gain comes from averaging. With another seed it may be somewhat larger
# or smaller.) Fewer dropped units are better: 0.2 instead of 0.4 lowers the
# loss by about five hundredths. Dropped weights help nowhere here: on top of
# many dropped units, dropping 0.3 of them costs five or six hundredths. On
# top of few, 0.2 costs about three (between one and four, depending on the
# seed); 0.3, with one seed, costs three where 0.2 cost one. Halving the
# mini-batch, which doubles the number of steps, makes less of a difference
# than another seed does, and more than twice as many epochs with more dropout
# do not help either. The three seeds of one row lie up to 0.025 nats apart:
# where a row has one seed, a difference of one or two hundredths may be luck.
# (The large model was trained when only part of this table existed. It drops
# weights, too; what that costs it, we have not measured.)
#
# A temperature of 1.25 gains three hundredths at no cost. Learning on gains
# two tenths, far more than on the sonnets, probably because the text that
# judges comes from other scenes, which have names and words of their own, and
# is thirty times as long, so that what was learned can be used. Both were
# chosen by the text that judges, so these numbers, too, may flatter.
#
# ## A common mistake
#
# *Leaving dropout on while measuring.* PyTorch asks for `model.eval()`; MXNet
# drops only inside `autograd.record()` or `train_mode()`. Measure the loss
# inside either, and you measure a model with half of its units missing:

# %%
right = d2l.evaluate(models["dropout"], valid_ids, 1)[0].mean()
with autograd.train_mode():
    wrong = d2l.evaluate(models["dropout"], valid_ids, 1)[0].mean()
print(f"validation part: {right:.3f} nats, with dropout on {wrong:.3f}")
assert wrong > right

# %% [markdown]
# ## Results

# %%
report = d2l.write_report("regularisation", histories, chosen_by, settings)

# %% [markdown]
# ## Summary
#
# * One part of the text trains, one chooses, and one tests, once.
# * Between the steps, weights can be dropped without losing the state. Here
#   that did harm; whether it helps must be measured, as with every method.
# * Averaging, like a falling learning rate, removes the noise of the last
#   steps.
# * A model that is too sure can be made less sure after the training, by one
#   number that the validation part chooses. What it has learned stays.
# * A model that learns while it is measured solves another task; its number
#   belongs in another column.
#
# ## Exercises
#
# 1. (\*) A model has no dropout, and its training loss is 0.4 nats below its
#    validation loss. Is it overfitting? What would you look at?
# 2. (\*\*) Train a model with dropout on the last 6,000 characters before the
#    validation part, then on 12,000 and on 24,000. How much lower is the
#    validation loss each time the text doubles?
# 3. (\*\*) Average the weights in the training with `one_cycle`, too. Why
#    does it bring less than with a constant rate?
# 4. (\*\*\*) Let the model learn from the validation part in two ways, each
#    time from the trained weights: as above, and with each step taken
#    *before* the loss of its characters is measured. What does the second
#    number say?
#
# ## Further reading
#
# * W. Zaremba, I. Sutskever and O. Vinyals, *Recurrent Neural Network
#   Regularization*, 2014.
# * Y. Gal and Z. Ghahramani, *A Theoretically Grounded Application of Dropout
#   in Recurrent Neural Networks*, 2016.
# * L. Wan and others, *Regularization of Neural Networks using DropConnect*,
#   2013.
# * S. Merity, N. S. Keskar and R. Socher, *Regularizing and Optimizing LSTM
#   Language Models*, 2018.
# * B. T. Polyak and A. B. Juditsky, *Acceleration of Stochastic Approximation
#   by Averaging*, 1992.
# * C. Guo and others, *On Calibration of Modern Neural Networks*, 2017.
# * T. Mikolov and others, *Recurrent neural network based language model*,
#   2010; B. Krause and others, *Dynamic Evaluation of Neural Sequence
#   Models*, 2018.
#
# In the book, overfitting is section 3.11 of the first edition and 4.4 of the
# second; dropout is 3.13 and 4.6. Next: [words](word_rnn.py).
