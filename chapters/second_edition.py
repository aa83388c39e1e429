# %% [markdown]
# # The second edition: the same model, other names
#
# Have you read the new edition of *Dive into Deep Learning*, or will you read
# it next? Its recurrent network is the one from these lessons, but functions
# have become classes, axes have changed places, and MXNet is used through
# another interface. Which line became which? After this lesson you can
#
# * translate names, terms and section numbers between the editions;
# * run the same weights in both, and get the same loss;
# * use both of MXNet's array interfaces in one program without mixing them.
#
# You need [the plain network](rnn_scratch.py) and [the one in
# Gluon](rnn_gluon.py). The lesson runs in less than a minute, on the CPU; the
# letters are those of the [notation](/notation.md). It also needs the book's
# package `d2l`, which is installed with this one up to Python 3.11.

# %%
import contextlib
import sys

import d2lrnn as d2l  # before mxnet
import mxnet as mx
import numpy
from mxnet import autograd, gluon, nd, np, npx

try:
    from d2l import mxnet as d2l2
except ImportError:
    missing = ("this lesson needs the package d2l 1.0.3, which Python 3.10 "
               "and 3.11 can install: pip install d2l==1.0.3")
    if "ipykernel" in sys.modules:
        raise d2l.SettingError(missing) from None  # the cells below stop
    sys.exit(print(missing))

# %% [markdown]
# ## Three books, three ways to write it
#
# The first edition (in Chinese, 2019) has functions, which a training loop
# takes as arguments. The second Chinese edition (2023) wraps them in a class.
# The English edition (2023), whose code is `d2l` 1.0.3, has only classes: a
# `DataModule` makes mini-batches, a `Module` knows its loss, and a `Trainer`
# has the loop. Below, *second edition* means this code.
#
# | first edition, `d2lrnn` | second, Chinese | English, `d2l` |
# |---|---|---|
# | `load_data_jay_lyrics` | `load_data_time_machine` | `TimeMachine` |
# | `Corpus` | `Vocab` | `Vocab` |
# | `data_iter_random` | `SeqDataLoader` | `TimeMachine.get_dataloader` |
# | `data_iter_consecutive` | `SeqDataLoader` | |
# | `to_onehot` | `RNNModelScratch` | `RNNLMScratch.one_hot` |
# | `get_params` | `get_params` | `RNNScratch`, `RNNLMScratch` |
# | `init_rnn_state` | `init_rnn_state` | `RNNScratch.forward` |
# | `rnn`: the states | `rnn` | `RNNScratch.forward` |
# | `rnn`: the scores | `rnn` | `RNNLMScratch.output_layer` |
# | `RNNModel` | `RNNModel` | `RNN`, `RNNLM` |
# | `predict_rnn` | `predict_ch8` | `RNNLMScratch.predict` |
# | `grad_clipping` | `grad_clipping` | `Trainer.clip_gradients` |
# | `sgd` | `sgd` | `SGD.step` |
# | `train_and_predict_rnn` | `train_ch8` | `Trainer.fit` |
#
# The sections, by their numbers:
#
# | | first | second Chinese | English |
# |---|---:|---:|---:|
# | language models and their data | 6.1, 6.3 | 8.3 | 9.3 |
# | recurrent neural networks | 6.2 | 8.4 | 9.4 |
# | from scratch | 6.4 | 8.5 | 9.5 |
# | concise | 6.5 | 8.6 | 9.6 |
# | back-propagation through time | 6.6 | 8.7 | 9.7 |
# | GRU | 6.7 | 9.1 | 10.2 |
# | LSTM | 6.8 | 9.2 | 10.1 |
# | deep | 6.9 | 9.3 | 10.3 |
# | bidirectional | 6.10 | 9.4 | 10.4 |
#
# And the terms, where the Chinese ones differ (the [notation](/notation.md)
# has more):
#
# | in English | first | second Chinese |
# |---|---|---|
# | hidden state | 隐藏状态 | 隐状态 |
# | memory cell | 记忆细胞 | 记忆元 |
# | vocabulary | 词典 | 词表 |
# | bias | 偏差 | 偏置 |
# | consecutive sampling | 相邻采样 | 顺序分区 |
# | forward pass | 正向传播 | 前向传播 |
# | dropout | 丢弃法 | 暂退法 |
#
# ## Two kinds of arrays
#
# MXNet has two interfaces: `mx.nd`, which the first edition uses, and
# `mx.np` with `mx.npx`, which behave like NumPy. Each has arrays of its own
# kind, and an operator of one refuses the arrays of the other. Layers and
# losses of Gluon take the kind that is switched on. The second edition begins
# each section with `npx.set_np()`, which switches to NumPy's kind, and does
# not switch back. What becomes of our functions then?


# %%
def outcome(call):
    try:
        return call()
    except (TypeError, ValueError) as error:
        return type(error).__name__


array, loss = nd.ones((2, 3)), gluon.loss.SoftmaxCrossEntropyLoss()
trials = {"a number": lambda: array[0, 0].shape,
          "a loss": lambda: loss(array, array[:, 0]).shape,
          "nd + np": lambda: array + np.ones((2, 3))}
for switch in (npx.reset_np, npx.set_np):
    switch()
    results = {name: outcome(call) for name, call in trials.items()}
    print(f"after {switch.__name__}: {results}")
npx.reset_np()
assert results["a number"] == () and results["a loss"] == "TypeError"

# %% [markdown]
# So the switch is a common trap as soon as code of both editions meets in one
# program. A number taken out of an array has shape () instead of (1,), and a
# loss that worked in the cell above raises an error in the cell below, in
# whichever module it stands: the switch holds for all that runs in the same
# thread. From here on, this lesson switches for single blocks only.
# (Importing `d2l` switches nothing.)


# %%
@contextlib.contextmanager
def second_edition():
    with mx.util.np_shape(True), mx.util.np_array(True):
        yield


assert not mx.util.is_np_array() and not mx.util.is_np_shape()

# %% [markdown]
# ## The data
#
# `TimeMachine` downloads H. G. Wells's novel. We let the sonnets that come
# with this package take its place. `TimeMachine` turns capital letters into
# small ones, and each run of other characters into one space. Each of its
# examples begins one character after the previous one, and a data loader
# shuffles them; the first edition cuts the text into examples that do not
# overlap. To compare the models, both get the examples of the first edition,
# in a fixed order.

# %%
batch_size, num_steps, num_hiddens = 32, 16, 64
corpus = d2l.load_corpus("original_sonnets.txt")


class Sonnets(d2l2.TimeMachine):
    def _download(self):
        return corpus.text

    def get_dataloader(self, train):
        first = slice(0, self.num_train * self.num_steps, self.num_steps)
        return self.get_tensorloader([self.X, self.Y], False,
                                     first) if train else None


with second_edition():
    data = Sonnets(batch_size, num_steps, num_train=20 * batch_size)
    batches = [(X.as_nd_ndarray(), Y.as_nd_ndarray())
               for X, Y in data.train_dataloader()]
vocab_size = len(data.vocab)
print(f"{corpus.source}: {corpus.vocab_size} distinct characters, now "
      f"{vocab_size}; {len(batches)} mini-batches of {batches[0][0].shape}")

# %% [markdown]
# `as_nd_ndarray` makes an array of the other kind from the same memory.
#
# ## The axes
#
# Both editions read a mini-batch of $n$ examples and $T$ steps by its columns
# ({numref}`fig-two-orders`). But the first edition joins the scores of the
# steps as they come, in shape $(Tn, q)$; the second stacks them along the
# second axis, $(n, T, q)$. So the first has to transpose the labels, and the
# second does not. With the numbers of the figure as labels, the first
# compares the scores with 1, 4, 2, 5, 3, 6, the second with 1, 2, 3, 4, 5, 6.
#
# ```{figure} /figures/two_orders.svg
# :name: fig-two-orders
# :alt: A mini-batch, and the order of its scores in either edition.
#
# A mini-batch of two examples and three steps, X, is read by columns. The
# rows of the scores then stand step by step in the first edition (left), and
# example by example in the second (right); so do the labels (bottom).
# ```
#
# The model is the same (the second edition writes $\mathbf{O}_t$ for
# $\mathbf{Y}_t$):
#
# $$\begin{gathered} \mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh}
#   + \mathbf{H}_{t-1} \mathbf{W}_{hh} + \mathbf{b}_h), \\
#   \mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q.
#   \end{gathered}$$
#
# In the first edition, this is


# %%
def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


def first_loss(X, Y, params):
    state = d2l.init_rnn_state(batch_size, num_hiddens, None)
    outputs, _ = rnn(d2l.to_onehot(X, vocab_size), state, params)
    Y_hat = nd.concat(*outputs, dim=0)  # (num_steps * batch_size, vocab_size)
    return loss(Y_hat, Y.T.reshape((-1,))).mean(), Y_hat


# %% [markdown]
# In the second edition `RNNScratch` keeps the parameters of the recurrence
# and yields hidden states, and `RNNLMScratch` has the one-hot vectors in
# front and the output layer behind. We put the same weights into both. They
# are larger than at the start of a training, so that a mistake would show.


# %%
def second_model(params, lr=1):
    model = d2l2.RNNLMScratch(d2l2.RNNScratch(vocab_size, num_hiddens),
                              vocab_size, lr)
    (model.rnn.W_xh[:], model.rnn.W_hh[:], model.rnn.b_h[:], model.W_hq[:],
     model.b_q[:]) = (param.as_np_ndarray() for param in params)
    return model


d2l.seed(1)
params = [30 * param for param in d2l.get_params(vocab_size, num_hiddens)]
X, Y = batches[0]
first, Y_hat = first_loss(X, Y, params)
with second_edition():
    model = second_model(params)
    scores = model(X.as_np_ndarray())  # (batch_size, num_steps, vocab_size)
    second = float(model.loss(scores, Y.as_np_ndarray()))
ours = Y_hat.asnumpy().reshape(num_steps, batch_size, -1).swapaxes(0, 1)
difference = abs(ours - scores.asnumpy()).max()
print(f"loss: first {first.asscalar():.6f}, second {second:.6f}; scores "
      f"differ by at most {difference:.1g}")
assert abs(first.asscalar() - second) < 1e-5 > difference

# %% [markdown]
# ## The concise models, and a surprise
#
# `RNNLM` holds a layer of Gluon, as the first edition's `RNNModel` does,
# which the lesson on [Gluon](rnn_gluon.py) compared with the model from
# scratch. The layer's matrices are transposed, and it has two biases, which
# are added.


# %%
def concise_loss(activation, params):
    layer, inputs = d2l2.RNN(num_hiddens), X.as_np_ndarray()
    if activation != "relu":  # which is what it takes
        layer.rnn = gluon.rnn.RNN(num_hiddens, activation=activation)
    model = d2l2.RNNLM(layer, vocab_size)
    model(inputs)  # now the shapes of all parameters are known
    W_xh, W_hh, b_h, W_hq, b_q = (param.asnumpy() for param in params)
    ours = W_xh.T, W_hh.T, b_h, 0 * b_h, W_hq.T, b_q
    for p, value in zip(model.collect_params().values(), ours, strict=True):
        p.data()[:] = value
    return float(model.loss(model(inputs), Y.as_np_ndarray()))


for size in (1 / 30, 1):
    weights = [size * param for param in params]
    scratch = first_loss(X, Y, weights)[0].asscalar()
    with second_edition():
        tanh, relu = (concise_loss(activation, weights)
                      for activation in ("tanh", "relu"))
    print(f"weights * {size:.2g}: scratch {scratch:.5f}, concise with tanh "
          f"{tanh:.5f}, as it is {relu:.5f}")
    assert abs(tanh - scratch) < 1e-5

# %% [markdown]
# With tanh, the models agree. But neither edition asks for tanh in its
# concise section, and Gluon's `rnn.RNN` takes ReLU by default: the concise
# model is another function than the one from scratch. The weights of a fresh
# model, a thirtieth of those above, hide it: they are so small that either
# model expects all characters alike. With larger ones, ReLU lets the states
# grow.
#
# ## Training
#
# A `Trainer` and our loop have three things in common: the loss is a mean,
# the gradient is clipped by its norm over all parameters, and a step is plain
# gradient descent. `Trainer` draws its curve while it runs; with
# `board.display` off it only keeps the points.


# %%
def train_first(params, num_epochs, lr, clipping_theta):
    losses, steps = [], []
    for X, Y in num_epochs * batches:
        with autograd.record():
            l, _ = first_loss(X, Y, params)
        l.backward()
        norm = d2l.grad_clipping(params, clipping_theta).asscalar()
        steps.append(lr * min(norm, clipping_theta))
        d2l.sgd(params, lr, 1)
        losses.append(l.asscalar())
    return losses, steps


def train_second(params, num_epochs, lr, clipping_theta):
    with second_edition():
        model = second_model(params, lr)
        model.board.display = False
        model.plot_train_per_epoch = len(batches)  # a point for each
        trainer = d2l2.Trainer(num_epochs, gradient_clip_val=clipping_theta)
        trainer.fit(model, data)
        return numpy.log([p.y for p in model.board.data["train_ppl"]])


num_epochs = d2l.epochs(8)
axes = (figure := d2l.new_figure((7, 3.6))).subplots()
for settings, lr, clipping_theta in (("second", 1, 1), ("first", 1e2, 1e-2)):
    d2l.seed(1)
    params = d2l.get_params(vocab_size, num_hiddens)  # fresh ones
    theirs = train_second(params, num_epochs, lr, clipping_theta)
    ours, steps = train_first(params, num_epochs, lr, clipping_theta)
    axes.plot(theirs, lw=5, alpha=0.5, label=f"{settings} settings")
    axes.plot(ours, "k", lw=0.8)
    gap = abs(numpy.subtract(ours, theirs)[:len(batches)]).max()
    print(f"{settings} settings: losses of epoch 1 agree to {gap:.0e}; steps "
          f"are {min(steps):.2f} to {max(steps):.2f} long")
    assert len(ours) == len(theirs) and gap < 1e-5
axes.set(xlabel="mini-batch", ylabel="loss, nats")
axes.legend()
figure

# %% [markdown]
# Both programs draw the same curve: the first edition's is the thin line, the
# second's the broad one. The settings make the difference. With the first
# edition's, $\eta = 100$ and $\theta = 0.01$, the gradient is clipped at
# every step, so each step has the length $\eta \theta = 1$. With the
# second's, $\eta = \theta = 1$, no step can be longer than 1 either; but here
# the gradient is never as long as that, so the steps are shorter.
#
# Outside the model, these differ, too (first edition; second):
#
# * examples: begin num_steps apart, in order or drawn at random; begin one
#   character apart, shuffled;
# * first state of a mini-batch: zeros with random sampling, the previous last
#   state with consecutive sampling; always zeros;
# * first weights of the concise model: standard deviation 0.01; Gluon's
#   default, between -0.07 and 0.07 (from scratch, both have 0.01);
# * what is shown: the perplexity of each epoch; a curve of mini-batches, with
#   held-out ones.
#
# ## More common mistakes
#
# **The labels of the one edition with the scores of the other.** The sizes
# fit, so nothing complains.

# %%
fresh = d2l.get_params(vocab_size, num_hiddens)
for name, weights in (("fresh", fresh), ("trained", params)):
    right, Y_hat = first_loss(X, Y, weights)
    wrong = loss(Y_hat, Y.reshape((-1,))).mean()
    print(f"{name}: right {right.asscalar():.4}, wrong {wrong.asscalar():.4}")
assert wrong.asscalar() > right.asscalar()

# %% [markdown]
# A fresh model expects all characters alike, so the order of the labels
# cannot matter yet: the first loss looks right. The trained model, which
# learned from the right labels, tells them apart: with the wrong ones it does
# worse than a uniform guess ($\ln 28 = 3.332$).
#
# **Reserved tokens are counted.** The vocabulary of the second edition always
# has `<unk>`, and whatever else is reserved, such as tokens for padding.

# %%
tokens = data._preprocess(corpus.text)
for reserved in ([], ["<pad>", "<bos>", "<eos>"]):
    vocab = d2l2.Vocab(list(tokens), reserved_tokens=reserved)
    print(f"{len(set(tokens))} characters, {1 + len(reserved)} reserved: a "
          f"uniform guess has perplexity {len(vocab)}; <unk> is {vocab.unk}")
assert len(vocab) == len(set(tokens)) + 4

# %% [markdown]
# So a perplexity near the number of characters may already be better than a
# guess. And here `<unk>` is not number 0. In the second Chinese edition it
# is, and so it is in this package, which has it only with a `min_freq` above
# 1; this vocabulary is sorted as a whole.
#
# ## Summary
#
# * With the same weights, mini-batches and settings, both editions compute
#   the same scores and losses, and train alike.
# * They differ in names, in the order of axes, in the examples and the first
#   state of a mini-batch, and in learning rate and clipping.
# * `npx.set_np()` changes all that runs afterwards in its thread; a scope
#   changes one block.
#
# ## Exercises
#
# 1. (\*) How long can a step be with a learning rate of 4 and $\theta = 1$?
#    Which learning rate gives the same bound with $\theta = 0.01$?
# 2. (\*) Let `RNNLMScratch.predict` and `predict_rnn` continue a prefix with
#    the same weights. Do they write the same?
# 3. (\*\*) Read the text with `data_iter_consecutive`, and measure the loss
#    of the trained model twice: with the state carried along, and with zeros
#    for each mini-batch. How many nats does the second edition give up?
# 4. (\*\*\*) Put the weights of a `gluon.rnn.GRU` into the second edition's
#    `GRU`, and then those of our `gru`. With which of the two does it give
#    the same hidden states, and why not with the other?
#
# ## Further reading
#
# * A. Zhang, Z. C. Lipton, M. Li and A. J. Smola, *Dive into Deep Learning*:
#   the [first Chinese edition](https://zh-v1.d2l.ai), 2019; the [second
#   Chinese edition](https://zh.d2l.ai), 2023; the [English
#   edition](https://d2l.ai), 2023.
# * J. L. Elman, *Finding Structure in Time*, 1990: the network itself.
#
# Next: [after recurrent networks](/after_rnns.md).
