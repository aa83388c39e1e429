# %% [markdown]
# # Training together
#
# Two machines, one model. Training takes all evening on one machine, and a
# second one, just as fast, stands beside it. Is the model done in half the
# time, and is it the same model? What has to travel between the two, how
# often, and how far does this go with ten machines? After this lesson you can
#
# * share the rows of a mini-batch among workers, add up their gradients, and
#   test that the training stays the same;
# * say where in a step the sum belongs, and what goes wrong elsewhere;
# * work out from the time of a step and the size of a model how many machines
#   are worth having.
#
# You need [an RNN in Gluon](rnn_gluon.py) and [making it
# fast](making_it_fast.py). On two CPU cores the lesson takes about a minute.
# The letters are those of the [notation](/notation.md); $k$, $r$, $P$, $c$,
# $b$ and $u$ have their meaning in this lesson alone.

# %%
import inspect
import json
import os
import subprocess
import sys
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, nd

# %% [markdown]
# ## Half the rows each
#
# Let two workers have the same weights, and the same mini-batch, of which
# each reads its own half. This is *data-parallel* training. What does a
# worker know after its half?
#
# Take the smallest model, $\hat{y} = w x$ with $w = 1$, half the squared
# error as the loss, and four examples:
#
# | $x$ | $y$ | $\hat{y} - y$ | gradient $(\hat{y} - y)\, x$ |
# |---:|---:|---:|---:|
# | 1 | 2 | $-1$ | $-1$ |
# | 2 | 1 | $1$ | $2$ |
# | 3 | 4 | $-1$ | $-3$ |
# | 4 | 2 | $2$ | $8$ |
#
# The loss of the mini-batch is a mean, so its gradient is the mean of the
# last column, $6/4 = 3/2$. The first worker has the mean $1/2$ of its two
# rows, the second $5/2$, and the mean of these two is $3/2$ again.
#
# With one row for the first worker and three for the second, the means are
# $-1$ and $7/3$, and the mean of these is $2/3$: wrong, since three rows must
# count for more than one. So let each worker divide the sum of its rows by
# the number of *all* rows. Then the parts are $-1/4$ and $7/4$ here, and
# $1/4$ and $5/4$ with two rows each, and they simply add up:
#
# $$\mathbf{g} = \frac{1}{n} \sum_{i=1}^{n} \mathbf{g}_i
#   = \sum_{r=0}^{k-1} \frac{1}{n} \sum_{i \in R_r} \mathbf{g}_i,$$
#
# where $\mathbf{g}_i$ is the gradient of the loss of example $i$, $k$ the
# number of workers, and $R_r$ the rows of worker $r$. Workers are counted
# from 0, and $r$ is called the *rank*.


# %%
def portion(count, rank, size):
    return slice(count * rank // size, count * (rank + 1) // size)


of_rows = np.array([-1, 2, -3, 8])
for k in (1, 2, 3, 4):
    parts = [of_rows[portion(4, r, k)].sum() / 4 for r in range(k)]
    print("k =", k, "parts:", *parts)
    assert sum(parts) == 3 / 2

# %% [markdown]
# ## In a network
#
# The same for an LSTM that reads characters. `gradient` takes some rows of a
# mini-batch and returns one flat array: the gradients of all weights, and as
# its last number the loss, which is a sum over rows as well and can travel
# with them.


# %%
def new_model(vocab_size, num_hiddens, num_layers, seed=1):
    d2l.seed(seed)
    model = d2l.CharRNN(vocab_size, 64, num_hiddens, num_layers)
    model.initialize()
    model.hybridize()
    return model


def weights_of(model):
    return [param.data() for param in model.collect_params().values()]


def gradient(model, X, Y, rows):
    x, y = X[rows], Y[rows].T.reshape(-1)  # y step by step, as the scores
    with autograd.record():
        scores, _ = model(x, model.begin_state(len(x)))
        loss = gluon.loss.SoftmaxCELoss()(scores, y).mean()
        loss = loss * (len(x) / len(X))  # a part of the mean over all rows
    loss.backward()
    # side by side in a row: MXNet is slow at joining arrays end to end
    grads = [w.grad.reshape((1, -1)) for w in weights_of(model)]
    return nd.concat(*grads, loss.reshape((1, -1)), dim=1)[0]


# num_hiddens, num_layers, batch_size, num_steps
small, large = (256, 1, 32, 50), (512, 2, 50, 100)
corpus_indices, _, _, vocab_size = d2l.load_corpus("original_sonnets.txt")
model = new_model(vocab_size, *small[:2])
X, Y = next(d2l.data_iter_random(corpus_indices, *small[2:]))
whole = gradient(model, X, Y, slice(None))
difference = abs(sum(gradient(model, X, Y, portion(32, r, 2))
                     for r in range(2)) - whole).max().asscalar()
print(f"the sum of two parts differs from the whole by {difference:.0e}; "
      f"the largest gradient is {abs(whole[:-1]).max().asscalar():.0e}")
assert difference < 1e-6

# %% [markdown]
# This sum is what both workers need. If each has it and takes the same step,
# both have the same weights again; nothing else has to be exchanged.
#
# ## First the sum, then the clipping
#
# [Clipping](rnn_scratch.py) scales a gradient whose norm is larger than
# $\theta$. Where does the sum belong, before it or after it? Take $\theta =
# 1$ and the parts $1/4$ and $5/4$. Added up, they are $3/2$, which is clipped
# to 1. Clipped first, they are $1/4$ and 1, and add up to $5/4$, which is
# longer than $\theta$. With vectors the direction changes as well, since
# the longer part loses more.
#
# So the sum stands between `backward` and the clipping. How much does the
# order matter? One process plays both workers, with the book's learning rate
# and threshold, and takes a step for each mini-batch of an epoch.


# %%
def clipped(g, theta=1e-2):
    return g * nd.minimum(theta / nd.dot(g, g).sqrt(), 1)


def update(model, g, lr=1e2):
    start = 0
    for w in weights_of(model):
        w -= lr * g[start:start + w.size].reshape(w.shape)
        start += w.size


def batches(corpus_indices, batch_size, num_steps):
    d2l.seed(1)  # the same order for all workers
    read = d2l.data_iter_random(corpus_indices, batch_size, num_steps)
    return [*read][:d2l.epochs(20)]


def play(step):
    model, losses = new_model(vocab_size, *small[:2]), []
    for X, Y in batches(corpus_indices, *small[2:]):
        parts = [gradient(model, X, Y, portion(32, r, 2)) for r in range(2)]
        losses.append(sum(parts)[-1].asscalar())
        update(model, step([part[:-1] for part in parts]))
    print(*(f"{l:.3f}" for l in losses[:8]), "...", f"{losses[-1]:.3f}")
    return losses


right = play(lambda parts: clipped(sum(parts)))
wrong = play(lambda parts: sum(map(clipped, parts)))
assert right[0] == wrong[0] and abs(right[1] - wrong[1]) > 1e-3

# %% [markdown]
# Both begin with the same weights, so the first loss is the same, and from
# then on these are two trainings. Clipped first, the parts add up to steps
# that are up to twice as long, as if the learning rate had been raised. In
# the recorded run the losses jump about at first, and yet the last is the
# lower one. The trouble is that the *number of workers* has become a setting
# of the training, and with three of them everything would have to be tuned
# again.
#
# ## A parameter server
#
# Between machines, somebody has to do the adding. MXNet has a *parameter
# server* (Li et al., 2014), a process that keeps arrays. A worker *pushes*
# its array, the server waits until it has one from each worker, and then
# every worker *pulls* the sum, as in {numref}`fig-parameter-server`.
#
# ```{figure} /figures/parameter_server.svg
# :name: fig-parameter-server
# :alt: Two workers with one weight push their parts to a sum, and pull it.
#
# The example by hand. Each worker has the weight $w$ and the gradients of its
# own two rows. It pushes its part (solid) and pulls the sum (dashed). Then
# both take the same step, here with $\eta = 0.2$.
# ```
#
# The server gets its name from what it was made for: it can also keep the
# weights, update them, and hand them out. Here it only adds, so that the
# optimizer, clipping and the schedule of the learning rate stay what they are
# in one process.
#
# What travels in a step? Each of $k$ workers sends an array with four bytes
# for each of $P$ weights, and receives one: $8 P k$ bytes in all. What does
# not travel? The weights, which are the same anyway; the text, which every
# machine reads from its own disk; and states, since each worker carries those
# of its own rows.
#
# ## Two processes
#
# Now in earnest. The loop below runs in each worker. `d2l.Workers()` is how a
# process sees the others: `rank` is its number, `size` how many there are,
# and `sum` pushes an array and pulls the sum into it. `d2l.Alone()` has the
# same methods for a single process. The loop notes how long the three parts
# of a step take: computing the gradient, the sum, and the update.


# %%
def now():
    nd.waitall()
    return time.perf_counter()


def train(together, corpus, *settings):
    model = new_model(corpus.vocab_size, *settings[:2])
    losses, times = [], []
    for X, Y in batches(corpus.corpus_indices, *settings[2:]):
        rows = portion(len(X), together.rank, together.size)
        marks = [now()]
        g = gradient(model, X, Y, rows)
        marks.append(now())
        together.sum(g)
        marks.append(now())
        update(model, clipped(g[:-1]))
        marks.append(now())
        losses.append(float(g[-1].asscalar()))
        times.append(np.diff(marks).tolist())
    return losses, times


# %% [markdown]
# Workers have to be processes of their own. So we join the functions above
# into a script, and start it with `python -m d2lrnn_cli.together`. This
# starts the server and the workers, tells each its rank, ends them all
# together, and lets worker 0 alone print.

# %%
HEAD = """import json, os, sys, time, d2lrnn as d2l, numpy as np
from mxnet import autograd, gluon, nd

"""


def main():
    together = d2l.Workers() if "D2LRNN_RANK" in os.environ else d2l.Alone()
    corpus = d2l.load_corpus("original_sonnets.txt")
    print(json.dumps(train(together, corpus, *map(int, sys.argv[1:]))))


functions = (portion, new_model, weights_of, gradient, clipped, update,
             batches, now, train, main)
script = HEAD + "".join(map(inspect.getsource, functions)) + "main()"


def run(script, workers, threads, *settings):
    command = [sys.executable, "-c", script, *map(str, settings)]
    if workers > 1:
        command = [sys.executable, "-m", "d2lrnn_cli.together", "--workers",
                   str(workers), "--", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    return subprocess.run(command, env=environment, capture_output=True,
                          text=True)


def measure(*given):
    done = run(script, *given)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


losses, _ = measure(2, 1, *small)
print(*(f"{l:.3f}" for l in losses[:8]), "...", f"{losses[-1]:.3f}")
assert np.allclose(losses, right, rtol=1e-5)

# %% [markdown]
# These are the losses of one process, `right`, to at least five digits. You
# do not have to write such a loop. With `together=d2l.Workers()`, `d2l.fit`
# does the same, but with Adam, hence the other learning rate, and worker 0
# prints and saves:
#
# ```python
# d2l.fit(model, corpus, num_epochs=20, lr=1e-2, together=d2l.Workers())
# ```
#
# From the command line it is `d2lrnn train TEXT --workers 2`. On two
# machines, type the command on each, with `--rank 0` on one and `--rank 1` on
# the other, and on both the address of the first, such as `--at
# 10.0.0.1:9187`. Both need the same text, and a network that you trust, since
# nothing on it is encrypted.
#
# ## Where the time of a step goes
#
# Is it worth it on a single machine? Two cores can serve two workers with a
# thread each, or one process with two threads. We measure both, beside one
# process with one thread, for two models. The bars show the fastest step of
# each, since other programs may have interrupted the rest; the sum includes
# waiting until the other worker has pushed.

# %%
ways = {"1 process, 1 thread": (1, 1), "2 workers, 1 thread each": (2, 1),
        "1 process, 2 threads": (1, 2)}
panels, seconds = d2l.new_figure((9, 2.8)).subplots(1, 2, sharey=True), {}
for axes, settings in zip(panels, (small, large), strict=True):
    rows = seconds[settings] = np.array([
        min(measure(*way, *settings)[1], key=sum)
        for way in ways.values()])  # (3 ways, 3 parts)
    for i, part in enumerate(("compute", "sum", "update")):
        axes.barh([*ways], rows[:, i], left=rows[:, :i].sum(axis=1),
                  label=part)
    name = f"{settings[1]} x {settings[0]} units"
    for way, s in zip(ways, rows.sum(axis=1), strict=True):
        print(f"{name}, {way:<26}{s:.3f} s, {rows[0].sum() / s:.2f} x")
    axes.set(title=name, xlabel="seconds a step")
panels[1].legend()
panels[1].figure

# %% [markdown]
# Two workers beat one process with one thread. And two threads? In the
# recorded run they are as fast as the workers with the large model, and well
# behind them with the small one; in the [table of results](/results.md) they
# are level with the small one, and a tenth behind with the large one. Threads
# share one memory, so they have nothing to send, and they update the weights
# once, where each worker updates all of its own. But they wait for each other
# at the end of every operator, workers only once a step; and the Python
# between the operators runs in one of them alone. Our two measurements do not
# agree on which of this weighs more; in neither were threads clearly ahead.
# On one machine d2lrnn leaves the cores to the threads, which need no server
# and only one copy of the weights. Workers are for several machines.
#
# ## How many machines?
#
# Let $c$ be the time in which one machine computes the gradient, and $u$ that
# of the update. With $k$ machines each has its share of the rows, so the
# gradient takes $c / k$; the update takes as long as before, since every
# machine updates all weights. The server runs on the machine with rank 0, so
# the arrays of the $k - 1$ others go through its link, and, since no sum is
# ready before the last part is in, only then come back. Let $b$ be the time
# for one of them there and back, $8 P$ bytes. Then a step takes
#
# $$\frac{c}{k} + b\,(k - 1) + u.$$
#
# More machines make the first term smaller and the second one larger. Their
# sum is smallest where its derivative, $b - c / k^2$, is zero:
#
# $$k = \sqrt{c / b}.$$
#
# Beyond that, each further machine makes the training *slower*. Say that $c$
# is 0.9 seconds and $b$ 0.1: then three machines are best, and a step takes
# $0.3 + 0.2 = 0.5$ seconds plus the update. The curves below are drawn for
# machines with one thread, as measured above, and links of 1 and 10 Gbit/s.

# %%
k, axes = np.arange(1, 17), d2l.new_figure().add_subplot()
axes.plot(k[:6], k[:6], "k:", label="$k$ times as fast")
for settings, style, mark in ((small, "--", "k*"), (large, "-", "kP")):
    P = sum(w.size for w in weights_of(new_model(vocab_size, *settings[:2])))
    (c, _, u), measured, _ = seconds[settings]
    for gigabits, color in ((1, "C0"), (10, "C1")):
        b = 8 * P / (gigabits * 1e9 / 8)  # a byte has 8 bits
        times = (c + u) / (c / k + b * (k - 1) + u)
        name = f"{settings[1]} x {settings[0]}, {gigabits} Gbit/s"
        axes.plot(k, times, style, color=color, label=name, marker="o",
                  markevery=[times.argmax()])
        print(f"{name}: {8e-6 * P:.1f} MB, best with {k[times.argmax()]}")
    axes.plot(2, (c + u) / measured.sum(), mark, markersize=9)
axes.set(xlabel="machines", ylabel="times as fast as one")
axes.legend()
axes.figure

# %% [markdown]
# In black, the two workers measured above: the star is the small model, the
# plus the large one. Their link is the memory of a single machine, and yet
# both lie below the curves for 10 Gbit/s. The bars show why. The sum takes
# longer than the $b$ of such a link, since the server has to copy and add the
# arrays and the workers wait for each other. But more is lost because two
# workers share one machine: in the recorded run, half of the rows of the
# large model took clearly more than half of the time, and the update of the
# small one twice as long as alone. A dot is where a curve turns; the small
# model over the slow link turns first. Is the large one better off because it
# is larger? No: its weights make both the gradient and the sum more
# expensive. But its mini-batch has three times as many characters. With each
# of them the weights are multiplied, while their gradients are sent only
# once. What counts is how much is computed for each number that is sent, and
# how long both take. So a faster processor makes the best $k$ smaller, unless
# the link becomes faster as well.
#
# The formula is kind. It leaves out the server's work on each array, the
# slowest machine, for which all others wait, the fixed price of each message,
# and other users of the link. It is unkind as well: the gradients of the last
# layers could travel while those of the first are still computed, and a ring
# of machines needs no link through which everything goes (exercise 6). The
# page on [how many machines help](/scaling.md) measures the server too, and
# simulates up to 64 machines: there, with a model of the large one's size and
# 10 Gbit/s, four machines are faster than eight.
#
# ## What does not get faster
#
# *The number of steps.* With the same `batch_size` the mini-batches are those
# of one process, and so is the training: there is nothing to tune anew. But
# the share of each machine becomes small, and small products make worse use
# of a processor. On the page just named, two rows of the small model take
# three quarters of the time of four, not half. So $c / k$ is too kind as well
# once the shares are small.
#
# It is tempting to let `batch_size` grow with $k$. Then the shares stay as
# they are, and an epoch has fewer steps: but it is another training. The mean
# of twice as many examples is less noisy, but it makes one step where there
# were two. So Goyal et al. (2017) raise the learning rate in proportion,
# little by little over the first few epochs, and find that this goes well up
# to a certain size. Compare such a training by what it learns in the same
# time, not by characters a second.
#
# ## The last bits
#
# Numbers with three digits: $1.00 + 0.004$ is $1.00$, and with another
# $0.004$ it still is. But $0.004 + 0.004 + 1.00$ is $1.01$. Sums of rounded
# numbers depend on their order, and the server adds in the order in which the
# arrays arrive.

# %%
a, b, c = (gradient(model, X, Y, portion(32, r, 3)) for r in range(3))
one, other = a + b + c, b + c + a
print(f"{(one != other).mean().asscalar():.0%} of the sums differ, by "
      f"{abs(one - other).max().asscalar():.0e} at most")
assert (a + b == b + a).min() == 1 and abs(one - other).max() < 1e-6

# %% [markdown]
# Two workers repeat a run to the last bit, since $a + b = b + a$. With three
# or more, two runs may differ in their last digits: much too little to
# matter, and enough to make a test for equal bits fail.
#
# ## If a worker dies
#
# All others wait for its array, for ever: nothing in MXNet's server notices
# that it is gone. So the program that started the processes watches them, and
# when one fails, it ends the others.

# %%
dying = "if d2l.Workers().rank == 1:\n    os.kill(os.getpid(), 9)"
done = run(HEAD + dying, 2, 1)
print(done.stderr, "exit code", done.returncode)
assert done.returncode == 1

# %% [markdown]
# (Worker 0 had nothing to do here, and ended by itself. In a training it
# would have waited, until it was ended.) A step needs all workers, so there
# is nothing to go on with but the last checkpoint: with `--resume`, or by
# itself with `--max-restarts 3`. What worker 0 saves holds the states of all
# rows, which it collects only for this, and says nothing of workers, so that
# one process can go on with it, or four.
#
# ## Common mistakes
#
# **Clipping before the sum**, as above. The same holds for all that is not a
# sum: the square of a gradient, which Adam uses, belongs after it, too.
#
# **A seed for each worker.** The shuffling must be the same everywhere.
# Otherwise the workers take their halves of different mini-batches: some
# examples are read twice in an epoch, others never, and the losses look as
# they should (exercise 2).
#
# **The same dropout in all workers.** Here the seeds must differ. Otherwise
# the first row of each worker loses the same units, and so does the second:
# the noise of the rows no longer evens out. `d2l.fit` puts the rank into
# this seed, and into no other.
#
# **Averaging at the end.** Let every worker train a model by itself, and take
# the mean of the weights at the end: just one message! But hidden units have
# no order. What is unit 7 in one model may be unit 12 in the other, and the
# mean of the two is neither. From the same start it goes well for a while,
# until the models have parted. Exercise 5 measures both.
#
# ## Summary
#
# * A gradient is a sum over rows, so workers with the same weights can share
#   the rows and add up their parts. The training is that of one process.
# * The sum stands between `backward` and the clipping. What travels is the
#   gradient, there and back, whatever the mini-batch.
# * With $c$ for the gradient and $b$ for sending one there and back, about
#   $\sqrt{c / b}$ machines are best. On a single machine, threads are
#   simpler, and often as fast.
# * All workers wait for each other: for the slowest, and for the dead.
#
# ## Exercises
#
# 1. (\*) Ten rows, four workers: which rows does each get? By what must a
#    worker multiply the mean over its rows, so that the parts add up?
# 2. (\*) Two workers shuffle 1,024 examples with seeds of their own, and take
#    their halves of mini-batches of 32. How many examples does nobody read in
#    an epoch?
# 3. (\*\*) From which $c$ on are $k$ machines faster than one? How fast must
#    the link be for eight machines to be best, if $c$ is 1 second and the
#    model has 3.3 million weights?
# 4. (\*\*) In float16 only half as many bytes travel. How far is the sum of
#    two parts then from the right one? Which gradients become zero, and what
#    helps?
# 5. (\*\*) Let two models learn by themselves for two epochs, each from its
#    half of every mini-batch, and take the mean of their weights. What is its
#    loss if both had the same start, and if they had not?
# 6. (\*\*\*) *A ring.* Cut each array into $k$ pieces. In $k - 1$ rounds each
#    of $k$ machines sends a piece to its neighbour, which adds it to its own;
#    in $k - 1$ more, the finished pieces go around. Write it with NumPy. How
#    many bytes go through each link, and how many machines are best now?
#
# ## Further reading
#
# * M. Li et al., *Scaling Distributed Machine Learning with the Parameter
#   Server*, 2014.
# * P. Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1
#   Hour*, 2017: large mini-batches, and mistakes of implementations.
# * P. Patarasuk and X. Yuan, *Bandwidth Optimal All-reduce Algorithms for
#   Clusters of Workstations*, 2009: the ring.
# * A. Sergeev and M. Del Balso, *Horovod: Fast and Easy Distributed Deep
#   Learning in TensorFlow*, 2018: the ring for gradients.
#
# In the book, training on several GPUs is part of chapter 8 of the first
# edition; parameter servers are section 12.7 of the second. Next: [which
# should you take?](compare.py).
