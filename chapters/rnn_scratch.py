# %% [markdown]
# # A recurrent neural network from scratch
#
# Can a vector of fixed length remember what a text has said so far, and can
# that be learned? [A table that counts](language_models.py) what follows each
# pair of characters forgets everything before them. A recurrent network reads
# one character at a time and writes what it will need into a hidden state.
#
# After this lesson you can
#
# * compute a step of a recurrent network, its probabilities and its
#   perplexity by hand, and write it in a dozen lines;
# * name the five parts of a training step, and say what `detach` and clipping
#   do in it, and what they do not do;
# * tell a text learned by heart from a language learned.
#
# You need the mini-batches of [the corpus](lang_model_dataset.py). The
# letters are those of the [notation](/notation.md). The trainings take three
# to five minutes on two cores; with `D2LRNN_EPOCHS=2` they take seconds.

# %%
from functools import partial

import d2lrnn as d2l  # before mxnet
from d2lrnn.report.curves import norms_figure
from mxnet import autograd, gluon, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## The network
#
# At step $t$ the network mixes the inputs $\mathbf{X}_t$ of a mini-batch with
# its hidden state $\mathbf{H}_{t-1}$, and scores every possible next
# character by a linear layer:
#
# $$\begin{gathered} \mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hh} + \mathbf{b}_h), \\
#   \mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q.
#   \end{gathered}$$
#
# ```{figure} /figures/unrolled.svg
# :name: fig-unrolled
# :alt: The network once with a loop, and once as a chain of three steps.
#
# The network, and the same network unrolled over three steps. All steps use
# the same parameters.
# ```
#
# With $n$ examples in a mini-batch and $h$ hidden units, $\mathbf{H}_t$ has
# the shape $(n, h)$; $\mathbf{X}_t$ and $\mathbf{Y}_t$ have `vocab_size`
# columns. Unrolled ({numref}`fig-unrolled`), it is a deep network with one
# layer for each character.
#
# ## From scores to perplexity
#
# {numref}`fig-onehot-to-softmax` follows one character through the network.
# Softmax turns the scores $y_1, \ldots, y_q$ of its prediction into
# probabilities, and the cross-entropy $\ell$ is small if the label, the
# character that does come next, was given a high one:
#
# $$p_j = \frac{\exp(y_j)}{\sum_{k=1}^{q} \exp(y_k)}, \qquad
#   \ell = -\log p_{\text{label}}.$$
#
# ```{figure} /figures/onehot_to_softmax.svg
# :name: fig-onehot-to-softmax
# :alt: A one-hot vector, the hidden state, the scores and the probabilities.
#
# From the one-hot vector of a character to the probabilities of the next one.
# ```
#
# The loss is the mean of the cross-entropies, and perplexity is its
# exponential: the number of equally likely characters that the model is, in
# effect, choosing between. Perfect foresight gives 1, a uniform guess
# `vocab_size`. The unigram guess knows only how frequent each character is.
# On the text in which these were counted, only a model that uses the order of
# the characters can beat it.
#
# ## By hand: two units, three characters
#
# In the text abcbabcb... the letter b is followed by c if a came before it,
# and by a if c did. Looking at b alone, one can only guess what follows:
# perplexity 2 at each b. There, two hidden units do better. Let the biases be
# 0, and
#
# $$\begin{gathered}
#   \mathbf{W}_{xh} = \begin{bmatrix} 1 & 0 \\ 0 & 1 \\ -1 & 0 \end{bmatrix},
#   \quad \mathbf{W}_{hh} = \begin{bmatrix} 1 & 0 \\ 0 & 0 \end{bmatrix}, \\
#   \mathbf{W}_{hq} = \begin{bmatrix} -2 & 0 & 2 \\ 0 & -1 & 0 \end{bmatrix}.
#   \end{gathered}$$
#
# The first unit is positive after a, negative after c, and keeps its sign
# during b; the second says "this is b". Write a, b and c as $(1, 0, 0)$,
# $(0, 1, 0)$ and $(0, 0, 1)$: each picks a row of $\mathbf{W}_{xh}$. Reading
# "ab" from a state of zeros:
#
# | | computed as | result |
# |---|---|---|
# | $\mathbf{H}_1$ | $\tanh(1, 0)$ | $(0.76, 0)$ |
# | $\mathbf{H}_2$ | $\tanh(0.76, 1)$ | $(0.64, 0.76)$ |
# | $\mathbf{Y}_2$ | $\mathbf{H}_2 \mathbf{W}_{hq}$ | $(-1.28, -0.76, 1.28)$ |
# | $p$ | $(0.28, 0.47, 3.61) / 4.36$ | $(0.06, 0.11, 0.83)$ |
# | $\ell$ | $-\log 0.83$ | $0.19$, perplexity $1.21$ |
#
# If "cb" is read from zeros, too, the first unit ends at $-0.64$, and a gets
# the $0.83$: the same b leads to two answers. The code below has to reproduce
# these numbers.
#
# ## The model in code
#
# A character enters the network as a vector of length `vocab_size` that is 1
# at its id and 0 elsewhere. Multiplied by $\mathbf{W}_{xh}$, such a one-hot
# vector picks a row: each character has a row of its own. `to_onehot` turns
# ids of shape (batch_size, num_steps) into num_steps arrays of shape
# (batch_size, vocab_size). The parameters are small random weights and zero
# biases, and `attach_grad` makes room for their gradients. The first state is
# zero; a state is a tuple, since other cells keep more than one array in it.


# %%
def to_onehot(X, size):
    return [nd.one_hot(x, size) for x in X.T]


def get_params(vocab_size, num_hiddens, ctx=None):
    def normal(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)

    # the hidden layer
    W_xh = normal((vocab_size, num_hiddens))
    W_hh = normal((num_hiddens, num_hiddens))
    b_h = nd.zeros(num_hiddens, ctx=ctx)
    # the output layer
    W_hq = normal((num_hiddens, vocab_size))
    b_q = nd.zeros(vocab_size, ctx=ctx)
    params = [W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


def init_rnn_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %% [markdown]
# First the example from above: "ab" and "cb" as a mini-batch of two. Then
# real sizes: 32 rows of 35 characters. `outputs[0]` has read `X[:, 0]`, so
# its label is `X[:, 1]`, which is `Y[:, 0]` (`Y` holds labels here, not the
# scores $\mathbf{Y}_t$). `losses` returns the cross-entropy of each
# character, step by step; `loss` takes scores, and applies the softmax
# itself. Untrained, the network is no better than a uniform guess.

# %%
loss = gluon.loss.SoftmaxCrossEntropyLoss()
by_hand = [nd.array([[1, 0], [0, 1], [-1, 0]]), nd.array([[1, 0], [0, 0]]),
           nd.zeros(2), nd.array([[-2, 0, 2], [0, -1, 0]]), nd.zeros(3)]
outputs, _ = rnn(to_onehot(nd.array([[0, 1], [2, 1]]), 3),
                 init_rnn_state(2, 2, None), by_hand)
print(outputs[1].softmax().asnumpy().round(2))  # P(a), P(b), P(c)
l = loss(outputs[1], nd.array([2, 0])).mean().asscalar()
assert abs(l - 0.19) < 5e-3 and abs(d2l.perplexity(l) - 1.21) < 5e-3


def losses(X, Y, state, params):
    outputs, state = rnn(to_onehot(X, vocab_size), state, params)
    return loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,))), state


X, Y = next(d2l.data_iter_consecutive(corpus_indices, 32, 35, ctx))
params, state = get_params(vocab_size, 256, ctx), init_rnn_state(32, 256, ctx)
outputs, (H,) = rnn(to_onehot(X, vocab_size), state, params)
l, _ = losses(X, Y, state, params)
assert nd.abs(l[:32] - loss(outputs[0], X[:, 1])).max() < 1e-5
print(f"perplexity {d2l.perplexity(l.mean().asscalar()):.0f}, untrained")

# %% [markdown]
# ## Prediction
#
# To write, the model reads a prefix, then takes each character that it has
# chosen as its next input. It chooses the one with the highest score.


# %%
def predict_rnn(prefix, num_chars, rnn, params, init_rnn_state,
                num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx):
    d2l.check_prefix(prefix, num_chars, char_to_idx)
    state = init_rnn_state(1, num_hiddens, ctx)
    output = [char_to_idx[prefix[0]]]
    for t in range(num_chars + len(prefix) - 1):
        # the last character is the input of this step
        X = to_onehot(nd.array([output[-1]], ctx=ctx), vocab_size)
        Y, state = rnn(X, state, params)
        # the next one comes from the prefix, then from the scores
        if t < len(prefix) - 1:
            output.append(char_to_idx[prefix[t + 1]])
        else:
            output.append(int(Y[0].argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in output)


# %% [markdown]
# ## Gradient clipping
#
# On its way back a gradient is multiplied by one factor for each step, which
# [another lesson](bptt.py) computes. If these factors are large, the gradient
# $\mathbf{g}$ of all parameters explodes. Clipping keeps its direction and
# bounds its norm by $\theta$:
#
# $$\mathbf{g} \leftarrow \min\left(\frac{\theta}{\|\mathbf{g}\|}, 1\right)
#   \mathbf{g}.$$
#
# The same factor, never above 1, multiplies all parts of the gradient. So the
# part from long ago keeps its small share: against gradients that vanish,
# what helps is [another cell](gru.py).


# %%
def grad_clipping(params, theta, ctx=None):
    flat = [param.grad.reshape(-1) for param in params]
    norm = nd.add_n(*(nd.dot(grad, grad) for grad in flat)).sqrt()
    if theta is not None:
        scale = nd.minimum(theta / norm, 1)
        for param in params:
            nd.broadcast_mul(param.grad, scale.reshape((1,) * param.ndim),
                             out=param.grad)
    return norm


# %% [markdown]
# ## The training loop
#
# ```{figure} /figures/training_step.svg
# :name: fig-training-step
# :alt: Five boxes in a loop: read, forward, backward, clip, descend.
#
# A step of training: read a mini-batch, forward, backward, clip, descend. $L$
# is the loss, $\eta$ the learning rate.
# ```
#
# Each mini-batch is one step ({numref}`fig-training-step`). Under
# `autograd.record()` MXNet notes each operation in a graph, which `backward`
# follows back by the chain rule. The gradient goes back to the first
# character of the mini-batch, and no further: the whole text would take ever
# more time and memory. The value of the state goes on, but `detach` cuts it
# off from the graph that computed it ({numref}`fig-truncated`). With random
# sampling the state begins anew.
#
# ```{figure} /figures/truncated.svg
# :name: fig-truncated
# :alt: The state goes on to the second mini-batch; the gradient stops.
#
# Truncated back-propagation through time: the state goes on to the next
# mini-batch, the gradient (dashed) stops where the mini-batch begins.
# ```


# %%
def train(corpus_indices, data_iter=d2l.data_iter_consecutive,
          carry_state=True, cut=True, num_epochs=8, num_hiddens=64,
          batch_size=10, num_steps=10, lr=1e2, theta=1e-2):
    d2l.seed(seed)
    params = get_params(vocab_size, num_hiddens, ctx)
    zeros = init_rnn_state(batch_size, num_hiddens, ctx)
    for _ in range(num_epochs):
        state, means = zeros, []
        # 1 read
        for X, Y in data_iter(corpus_indices, batch_size, num_steps, ctx):
            state = state if carry_state else zeros
            state = tuple(s.detach() if cut else s for s in state)
            with autograd.record():
                l, state = losses(X, Y, state, params)  # 2 forward
                l = l.mean()
            l.backward()  # 3 backward
            grad_clipping(params, theta, ctx)  # 4 clip
            d2l.sgd(params, lr, 1)  # 5 descend; the loss is a mean already
            means.append(l.asscalar())
    return d2l.perplexity(sum(means) / len(means))  # of the last epoch


small = corpus_indices[:1000]
print(f"perplexity {train(small):.0f} after 8 epochs")

# %% [markdown]
# ## From noise to lyrics
#
# `d2l.train_and_predict_rnn` ([its source](/api/training.md)) is the loop
# above, with what a long training needs besides: it checks its arguments,
# prints, returns a history with times and norms, and [compiles the
# step](making_it_fast.py). On a small text both reach the same perplexity but
# for rounding. Then the book's settings, first with random sampling:

# %%
settings = {"num_hiddens": 256, "num_epochs": d2l.epochs(250), "lr": 1e2,
            "num_steps": 35, "batch_size": 32, "clipping_theta": 1e-2}
train_long = partial(
    d2l.train_and_predict_rnn, rnn, get_params=get_params, prefixes=[],
    init_rnn_state=init_rnn_state, corpus_indices=corpus_indices, ctx=ctx,
    vocab_size=vocab_size, idx_to_char=idx_to_char, char_to_idx=char_to_idx,
    is_random_iter=False, pred_period=d2l.epochs(50), pred_len=50, **settings)
d2l.seed(seed)
long = train_long(corpus_indices=small, num_epochs=2, num_hiddens=64,
                  batch_size=10, num_steps=10, pred_period=1000)
assert abs(long[-1]["perplexity"] / train(small, num_epochs=2) - 1) < 0.01
d2l.seed(seed)
params = get_params(vocab_size, 256, ctx)
histories = {"random sampling": train_long(
    get_params=lambda: params, is_random_iter=True)}

# %% [markdown]
# Then with consecutive sampling. The model writes as it learns (the prefixes
# mean "to part" and "not to part"):

# %%
d2l.seed(seed)
histories["consecutive sampling"] = train_long(prefixes=["分开", "不分开"])

# %% [markdown]
# How much of that is new? Here is the longest piece of each line that stands
# in the training text:

# %%
for record in histories["consecutive sampling"]:
    for lyrics in record.get("lyrics", []):
        longest, _, piece = d2l.copied(lyrics, corpus.text)
        print(f"epoch {record['epoch']}: {longest} characters, {piece!r}")

# %%
d2l.plot_perplexity(histories, corpus)

# %% [markdown]
# ## What the state remembers
#
# Does the state help? With random sampling, the network predicts the first
# label of an example from one character alone, and the last from 35. Here are
# the perplexities after 1, 2, 3, 5, 10 and 35 characters: first with the text
# cut where training cut it, then with the same text cut 17 characters later.

# %%
zeros = init_rnn_state(32, 256, ctx)
for start in (0, 17):
    l = [losses(X, Y, zeros, params)[0].reshape((35, 32)) for X, Y in
         d2l.data_iter_random(corpus_indices[start:], 32, 35, ctx)]
    by_step = nd.concat(*l, dim=1).mean(axis=1).asnumpy()
    row = (f"{d2l.perplexity(l):8.2f}" for l in by_step[[0, 1, 2, 4, 9, 34]])
    print(f"cut from {start:>2}:", *row)

# %% [markdown]
# After one character the network can know no more than a table of pairs. With
# the second and the third, the perplexity collapses: the state does carry
# what came before. But where the same text is cut elsewhere, the network does
# far worse, and finds its place only late. It has learned each example by
# heart from its beginning on, since random sampling cut the text at the same
# places in every epoch. (An exercise of [the last
# lesson](lang_model_dataset.py) moves them.)
#
# ## What clipping does
#
# A history also has the norm of the gradient, before and after clipping, as a
# mean over the mini-batches of each epoch:

# %%
norms_figure(histories)

# %% [markdown]
# The clipped norm stays at $\theta$, 0.01, which as a mean it can only do if
# every gradient is clipped. So each step has the norm 100 times 0.01, which
# is 1, whatever the gradient's: clipping is no emergency brake here, but sets
# the length of every step. This is why a learning rate of 100 works.
#
# ## By heart
#
# Someone who knows a poem by heart need not know its language. To tell the
# two apart, train a new network on the first 9,000 characters only, and
# measure now and then how well it predicts the last 1,000. (`get_params` may
# be any function; one that returns existing parameters continues their
# training.)

# %%
rest, history = nd.array([corpus_indices[9000:]], ctx), []
params, start = get_params(vocab_size, 256, ctx), init_rnn_state(1, 256, ctx)
for end in sorted({d2l.epochs(n) for n in (1, 2, 5, 10, 25, 50)}):
    for record in train_long(
            get_params=lambda: params, corpus_indices=corpus_indices[:9000],
            num_epochs=end - len(history), pred_period=1000):
        history.append({**record, "epoch": len(history) + 1})
    l, _ = losses(rest[:, :-1], rest[:, 1:], start, params)
    history[-1]["held_out_perplexity"] = d2l.perplexity(l.mean().asscalar())
d2l.plot_perplexity({"trained on 9,000 characters": history}, corpus,
                    held_out=0.1)

# %% [markdown]
# In the first epoch the network learns while it is measured; the held-out
# characters are measured when the epoch is over, and so do better. Over all
# epochs, the perplexity of the training text falls far. That of the held-out
# text falls much less, never gets below the unigram guess, which has counted
# the same 9,000 characters, and at the end has risen a little. What the
# network learns late holds for its training text alone.
#
# ## Common mistakes
#
# **No clipping.** At this rate a norm of 1 makes a step of 100, not of 1:

# %%
unclipped = train(small, theta=None)
print(f"perplexity {unclipped:.3g} after 8 epochs")
assert not unclipped < vocab_size

# %% [markdown]
# **A state kept between random mini-batches.** It comes from another place in
# the text. The loop runs, but learns less:

# %%
anew, kept = (train(small, d2l.data_iter_random, carry_state, num_epochs=20)
              for carry_state in (False, True))
print(f"begun anew {anew:.1f}, kept {kept:.1f}")
assert kept > anew

# %% [markdown]
# **`detach` lost.** Should the gradient now not go back to the beginning of
# the epoch?

# %%
print(f"with detach {train(small)}, without {train(small, cut=False)}")

# %% [markdown]
# Not one digit changes, since MXNet's `backward` frees the graph that it has
# passed through. (PyTorch frees it, too, but stops with an error at the next
# `backward`.) Where MXNet is told to keep it (`retain_graph=True`), each step
# goes further back and takes longer.
#
# ## Results

# %%
report = d2l.write_report("rnn_scratch", histories, corpus,
                          {"seed": seed, "ctx": ctx, **settings})

# %% [markdown]
# With the Jay Chou lyrics, the recorded perplexities were:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- rnn_scratch -->
# :end-before: <!-- end of rnn_scratch -->
# ```
#
# One seed does not say which sampling is better. [The results](/results.md)
# have the times of each lesson.
#
# ## Try it
#
# In the book, a studio stands below, with an LSTM that was trained on the
# sonnets that ship. Let it continue a line of yours. Then click on a
# character to see how probable the network thought it, and what else it
# expected.
#
# ```{raw} html
# <iframe class="studio" title="d2lrnn studio" loading="lazy"
#   src="../_static/studio.html#text=When+evening+comes,+"></iframe>
# ```
#
# ## Summary
#
# * A recurrent network reads one character at a time and remembers in its
#   hidden state; the same parameters serve every step.
# * Perplexity is the exponential of the mean cross-entropy: 1 is perfect
#   foresight, `vocab_size` is a uniform guess.
# * A training step is read, forward, backward, clip, descend. `detach` lets
#   the state pass and stops the gradient; clipping bounds the step, and does
#   not help gradients that vanish.
# * A perplexity near 1 on the training text means: learned by heart.
#
# ## Exercises
#
# 1. (\*) Compute $\mathbf{H}_3$ by hand if c follows "ab". Which character
#    does the network expect next, and which would be right?
# 2. (\*) Close this page and write `rnn` from its two equations.
#    `d2l.check("rnn_scratch", 2, rnn)` says what differs.
# 3. (\*) Without clipping, with which of the learning rates 100, 10, 1 and
#    0.1 does `train` still end below `vocab_size`?
# 4. (\*\*) In `train`, descend on the sum of the losses instead of their
#    mean, but keep the mean in `means`, and print what `grad_clipping`
#    returns. Which norms change, and why does the network learn as before?
# 5. (\*\*\*) Stop the training where the held-out perplexity is lowest, and
#    find the number of hidden units for which it is lowest of all.
#
# ## Further reading
#
# * J. L. Elman, *Finding Structure in Time*, 1990.
# * T. Mikolov et al., *Recurrent Neural Network Based Language Model*,
#   2010.
# * R. Pascanu, T. Mikolov and Y. Bengio, *On the Difficulty of Training
#   Recurrent Neural Networks*, 2013: clipping, and why it is needed.
# * *Dive into Deep Learning*, in Chinese: section 6.4 of the [first
#   edition](https://zh-v1.d2l.ai), 8.5 of the [second](https://zh.d2l.ai).
#
# Next: [the same network in Gluon](rnn_gluon.py).
