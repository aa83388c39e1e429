# %% [markdown]
# # Bidirectional recurrent networks
#
# What would you give to see the future? To fill in a missing word, what comes
# after it helps as much as what comes before. A bidirectional network reads
# the text forwards and backwards, and scores each step from both.
#
# After this lesson you can
#
# * build a bidirectional network from any cell;
# * find out which inputs a score depends on, and so tell a language model
#   from a model that has seen the answer;
# * train a model that fills in masked characters, and say on unread text what
#   the future is worth.
#
# You need the [recurrent network from scratch](rnn_scratch.py). On two CPU
# cores the lesson takes about two minutes. The letters are those of the
# [notation](/notation.md).

# %%
import time

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## Two recurrences
#
# Guess the missing word: "She sat down by the ___ and cast her line." The
# words before it allow for a fire, a window or a friend. Only the words after
# it say that there was water, and a network that reads from left to right has
# not read those yet.
#
# So let a second network read from right to left. The forward network has the
# state of the step before,
#
# $$\overrightarrow{\mathbf{H}}_t = \tanh(\mathbf{X}_t
#   \overrightarrow{\mathbf{W}}_{xh} + \overrightarrow{\mathbf{H}}_{t-1}
#   \overrightarrow{\mathbf{W}}_{hh} + \overrightarrow{\mathbf{b}}_h),$$
#
# the backward network that of the step after,
#
# $$\overleftarrow{\mathbf{H}}_t = \tanh(\mathbf{X}_t
#   \overleftarrow{\mathbf{W}}_{xh} + \overleftarrow{\mathbf{H}}_{t+1}
#   \overleftarrow{\mathbf{W}}_{hh} + \overleftarrow{\mathbf{b}}_h).$$
#
# Neither knows of the other; they meet only in the scores:
#
# $$\mathbf{Y}_t = \overrightarrow{\mathbf{H}}_t
#   \overrightarrow{\mathbf{W}}_{hq} + \overleftarrow{\mathbf{H}}_t
#   \overleftarrow{\mathbf{W}}_{hq} + \mathbf{b}_q.$$
#
# ```{figure} /figures/both_directions.svg
# :name: fig-both-directions
# :alt: Two rows of hidden states; arrows in opposite directions in time.
#
# A bidirectional network. Each step is scored from a state that has read
# everything up to it and a state that has read everything from it on.
# ```
#
# ## The model
#
# As in {numref}`fig-both-directions`, two cells read the same steps. The
# backward cell gets them in reverse, and its scores are put back in order.
# Adding the scores of both is one product of both hidden states, side by
# side, with both output matrices, one below the other. Each cell brings a
# bias of its own; their sum is $\mathbf{b}_q$.


# %%
def get_bi_params(get_params):
    def get_params_of_both(vocab_size, num_hiddens, ctx=None):
        return [*get_params(vocab_size, num_hiddens, ctx),
                *get_params(vocab_size, num_hiddens, ctx)]

    return get_params_of_both


def init_bi_state(init_state):
    def init_states(batch_size, num_hiddens, ctx):
        return (*init_state(batch_size, num_hiddens, ctx),
                *init_state(batch_size, num_hiddens, ctx))

    return init_states


def bi(cell):
    def bi_cell(inputs, state, params):
        num_params, num_states = len(params) // 2, len(state) // 2
        forward, state_f = cell(inputs, state[:num_states],
                                params[:num_params])
        backward, state_b = cell(inputs[::-1], state[num_states:],
                                 params[num_params:])
        outputs = [Y_f + Y_b for Y_f, Y_b
                   in zip(forward, backward[::-1], strict=True)]
        return outputs, (*state_f, *state_b)

    return bi_cell


# %%
num_hiddens, num_steps, batch_size = 256, 35, 32
lr, clipping_theta = 1e2, 1e-2
bi_rnn = bi(d2l.rnn)
get_params = get_bi_params(d2l.get_params)
init_state = init_bi_state(d2l.init_rnn_state)
X = d2l.to_onehot(nd.arange(10, ctx=ctx).reshape((2, 5)), vocab_size)
outputs, state = bi_rnn(X, init_state(2, num_hiddens, ctx),
                        get_params(vocab_size, num_hiddens, ctx))
assert len(outputs) == 5 and outputs[0].shape == (2, vocab_size)
assert [H.shape for H in state] == [(2, num_hiddens)] * 2

# %% [markdown]
# In Gluon it is an argument of the layer, whose hidden states are twice as
# long.

# %%
layer = rnn_layers.RNN(num_hiddens, activation="tanh", bidirectional=True)
layer.initialize(ctx=ctx)
H = layer(nd.stack(*X, axis=0))
assert H.shape == (5, 2, 2 * num_hiddens)

# %% [markdown]
# ## Who reads what?
#
# There is a simple way to find out what a score depends on: blank one input
# and see which scores change. Each line below is a step whose scores we look
# at, each column an input that is blanked, and a hash marks a change.
#
# The third pattern is that of a common mistake: the scores of the backward
# cell are not put back in order. All shapes are right.


# %%
def not_put_back(inputs, state, params):
    forward, state_f = d2l.rnn(inputs, state[:1], params[:5])
    backward, state_b = d2l.rnn(inputs[::-1], state[1:], params[5:])
    return [Y_f + Y_b for Y_f, Y_b
            in zip(forward, backward, strict=True)], (*state_f, *state_b)


def who_reads_what(cell, params, state):
    before, _ = cell(X, state, params)
    rows = [[] for _ in X]
    for s in range(len(X)):
        blanked = [0 * x if s == t else x for t, x in enumerate(X)]
        after, _ = cell(blanked, state, params)
        for row, Y, Y_new in zip(rows, before, after, strict=True):
            row.append("#" if (Y != Y_new).sum().asscalar() else ".")
    return ["".join(row) for row in rows]


one = [10 * param for param in d2l.get_params(vocab_size, 32, ctx)]
both = [10 * param for param in get_params(vocab_size, 32, ctx)]
state = init_state(2, 32, ctx)
reads = {"forwards only": who_reads_what(d2l.rnn, one, state[:1]),
         "both directions": who_reads_what(bi_rnn, both, state),
         "not put back": who_reads_what(not_put_back, both, state)}
for name, rows in reads.items():
    print(name, *rows, sep="\n")
assert reads["forwards only"] == ["#....", "##...", "###..", "####.", "#####"]
assert reads["both directions"] == ["#####"] * 5
assert reads["not put back"][0] == "#...#"

# %% [markdown]
# The forward network makes a triangle: a score depends on its own step and
# those before. The bidirectional one reads everything at every step. With the
# mistake, the first step reads the two ends of the text and nothing in
# between.
#
# ## Why it is no language model
#
# A language model predicts the next character. But the next character is the
# input of the next step, and in the second pattern every score but the last
# depends on it: the answer is given with the question. (After the last step
# comes a character that is not among the inputs, so even a perfect cheat does
# not reach a perplexity of 1.) We train both networks as language models, for
# the same number of epochs.

# %%
cheating = {}
for name, cell, get, init in (
        ("forwards only", d2l.rnn, d2l.get_params, d2l.init_rnn_state),
        ("both directions", bi_rnn, get_params, init_state)):
    print(name)
    d2l.seed(seed)
    cheating[name] = d2l.train_and_predict_rnn(
        cell, get, init, num_hiddens, vocab_size, ctx, corpus_indices,
        idx_to_char, char_to_idx, True, d2l.epochs(60), num_steps, lr,
        clipping_theta, batch_size, d2l.epochs(30), 50, ["分开"])

# %%
d2l.plot_perplexity(cheating, corpus)

# %% [markdown]
# The perplexity of the bidirectional network falls much faster, by cheating.
# What it writes gives it away: there the next character is not among the
# inputs, and it has had little reason to learn to do without. (Nor has its
# backward cell anything to read from: as the text grows character by
# character, it is handed the state of the step before in place of that of the
# step after.) A perplexity that is too good to
# be true is a reason to ask who reads what.
#
# ## Filling in
#
# Here is a task in which both directions are fair. One character in seven is
# masked, that is, replaced by an id kept for this purpose, and the network
# has to say which character it was. Only masked steps count in the loss; the
# masks are drawn anew for each mini-batch.
#
# To measure what the future is worth, both networks get about as many
# parameters, 128 hidden units forwards or 80 in each direction, and are
# judged by lines that they have not read: the last tenth of some sonnets.
# (Ten thousand characters of lyrics are too few to hold any out.)

# %%
poems = d2l.load_corpus("shakespeare", num_chars=40_000)
train_ids, held_out_ids, _ = d2l.split(poems, 0.1)
MASK = poems.vocab_size
print(f"text: {poems.source}; {len(held_out_ids):,} characters held out")


def mask_some(X):
    masked = nd.random.uniform(shape=X.shape, ctx=ctx) < 1 / 7
    return nd.where(masked, nd.full(X.shape, MASK, ctx=ctx), X), masked


def train_to_fill_in(cell, params, init_state, num_hiddens, num_epochs):
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, weight, *state):
        outputs, _ = cell(d2l.to_onehot(X, MASK + 1), state, params)
        losses = loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,)),
                      weight.T.reshape((-1, 1)))
        return [losses.sum() / weight.sum()]

    step, history = d2l.Traced(step, params), []
    for _ in range(num_epochs):
        losses, norms, start = [], [], time.time()
        for Y, _ in d2l.data_iter_random(train_ids, batch_size, num_steps,
                                         ctx):
            X, masked = mask_some(Y)
            with autograd.record():
                (l,) = step(X, Y, masked, *init_state(batch_size, num_hiddens,
                                                      ctx))
            l.backward()
            norms.append(d2l.grad_clipping(params, clipping_theta, ctx))
            d2l.sgd(params, lr, 1)
            losses.append(l)
        d2l.end_epoch(history, losses, norms, Y.size, start, lr,
                      clipping_theta)
    return history


# %% [markdown]
# For the verdict, the held-out text is cut into lines of 35 characters, and
# read seven times, until each character has been masked once.


# %%
def fill_in(cell, params, init_state, num_hiddens):
    filled, losses = lines.copy(), []
    for first in range(7):
        masked = nd.zeros_like(lines)
        masked[:, first::7] = 1
        X = nd.where(masked, nd.full(lines.shape, MASK, ctx=ctx), lines)
        outputs, _ = cell(d2l.to_onehot(X, MASK + 1), init_state(
            len(lines), num_hiddens, ctx), params)
        log_p = nd.log_softmax(nd.stack(*outputs, axis=1))
        filled = nd.where(masked, log_p.argmax(axis=2), filled)
        losses.append(-nd.pick(log_p, lines)[:, first::7].mean().asscalar())
    return filled, np.exp(np.mean(losses))


lines = nd.array(held_out_ids[:len(held_out_ids) // num_steps * num_steps],
                 ctx=ctx).reshape((-1, num_steps))
num_epochs, histories, guesses = d2l.epochs(60), {}, {}
for name, cell, get, init, units in (
        ("forwards only", d2l.rnn, d2l.get_params, d2l.init_rnn_state, 128),
        ("both directions", bi_rnn, get_params, init_state, 80)):
    d2l.seed(seed)
    params = get(MASK + 1, units, ctx)
    histories[name] = train_to_fill_in(cell, params, init, units, num_epochs)
    guesses[name], perplexity = fill_in(cell, params, init, units)
    print(f"{name:<15} {sum(param.size for param in params):,} parameters; "
          f"held out: perplexity {perplexity:.2f}, "
          f"{(guesses[name] == lines).mean().asscalar():.0%} right")

# %% [markdown]
# Three held-out lines: with every seventh character missing, as filled in by
# each network, and the original.

# %%
for row in range(3):
    for name, ids in (("", lines), *guesses.items(), ("original", lines)):
        text = [poems.idx_to_char[int(i)] for i in lines[row].asnumpy()]
        text[3::7] = [poems.idx_to_char[int(i)] for i in ids[
            row, 3::7].asnumpy()] if name else "_____"
        print(f"{name:<15} ", "".join(text).replace("\n", "/"))

# %% [markdown]
# On fifteen characters the two may look alike. On all that are held out, when
# we ran this on the sonnets that come with the package, the network with both
# directions guessed more than half of the characters, the other about a
# third. The perplexity with both directions was about half that of the other:
# the future was worth about $\log_2 2 = 1$ bit for each masked character.
# (One seed each.)
#
# ## Results

# %%
d2l.plot_perplexity(histories, poems)

# %%
report = d2l.write_report("bi_rnn", histories, poems, {
    "seed": seed, "ctx": ctx, "masked": "1 in 7", "num_epochs": num_epochs,
    "num_hiddens": "128 and 2 x 80", "num_steps": num_steps, "lr": lr,
    "batch_size": batch_size, "clipping_theta": clipping_theta})

# %% [markdown]
# ## Summary
#
# * A bidirectional network scores each step from two states: one has read
#   everything up to the step, the other everything from it on.
# * It fills in and labels. It cannot write, since it would have to read what
#   it is about to write.
# * On unread text, with as many parameters, it filled in far better: reading
#   the future was worth about a bit per character.
# * Blanking inputs shows what a score depends on; it finds answers that leak,
#   and scores in the wrong order.
#
# ## Exercises
#
# 1. (\*) Put `d2l.gru` into `bi`. Which of the three patterns does it make,
#    and why?
# 2. (\*) Close this page and write `bi` from its description.
#    `d2l.check("bi_rnn", 2, bi)` says what differs.
# 3. (\*) Why can the network that fills in not cheat, although it reads in
#    both directions?
# 4. (\*\*) In a [deep](deep_rnn.py) bidirectional network, each layer reads
#    both states of the layer below. Which pattern does the *forward* state
#    of the first layer make, and which that of the second?
# 5. (\*\*\*) Fill in by counting, as in [language
#    models](language_models.py): from the two characters before the missing
#    one, and from one on each side. How many bits of a held-out character
#    is it worth if one of the two comes from the future?
#
# ## Further reading
#
# * M. Schuster and K. K. Paliwal, *Bidirectional Recurrent Neural Networks*,
#   1997.
# * J. Devlin, M.-W. Chang, K. Lee and K. Toutanova, *BERT: Pre-training of
#   Deep Bidirectional Transformers for Language Understanding*, 2018: masked
#   words as a task to learn a language from.
#
# In the book, bidirectional networks are section 6.10 of the first edition
# and 9.4 of the second. Next: [Who chooses the next
# character?](decoding.py).
