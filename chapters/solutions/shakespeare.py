# %% [markdown]
# # Solutions: a window or a memory?
#
# The exercises are at the end of `shakespeare.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import io
from contextlib import redirect_stdout

import d2lrnn as d2l  # before mxnet
from d2lrnn import shakespeare
from mxnet import init, nd

sonnets = shakespeare.load_poems("original_sonnets.txt")
pretrained = shakespeare.load_pretrained()


class Forgetful(d2l.CharRNN):
    """A CharRNN that begins each mini-batch with a state of zeros."""

    def __call__(self, X, state):
        return super().__call__(X, [nd.zeros_like(s) for s in state])


# %% [markdown]
# ## 1
#
# How many windows is a character in the middle of the text in?
#
# ### Solution
#
# It is read 40 times, once in each of the 40 windows that it is in, and
# predicted once, after the window that ends before it. (The first 40
# characters are never predicted.) So a stride of 1 costs three times as much
# as one of 3, and the ratio of 40 characters read for each one predicted
# stays.

# %%
text = sonnets.text[:200]
X, Y = shakespeare.build_data(text, Tx=40, stride=1)
middle = 100
assert sum(start <= middle < start + 40 for start in range(len(X))) == 40
assert "".join(Y) == text[40:]

# %% [markdown]
# ## 2
#
# At temperature 0 the next character depends on the window alone. Can a
# window come back?
#
# ### Solution
#
# It must: there are only finitely many windows of 40 characters, so sooner or
# later one comes back. The same window has the same likeliest next character,
# so all that followed it the first time follows again, for ever. At 0.7 the
# next character is drawn: after the same window, another one may follow. That
# the circle is entered so soon has another reason: what is likeliest is what
# is most common, so different windows lead to the same few words.

# %%
poem = "".join(shakespeare.write(pretrained, "my love ", 360, temperature=0))
period = next(n for n in range(1, 161) if poem[-200:-n] == poem[n - 200:])
print(f"{poem[-period:]!r} comes back for ever")
drawn = "".join(shakespeare.write(pretrained, "my love ", 360, 0.7, seed=1))
assert not any(drawn[-200:-n] == drawn[n - 200:] for n in range(1, 100))

# %% [markdown]
# ## 3
#
# An update takes `batch_size` windows, or `batch_size * num_steps` characters
# of the forgetful model. A small text, windows of 20 characters and a model
# of 64 units are enough to see it.
#
# ### Solution
#
# Mostly it is the updates: with about as many of them, most of the distance
# is gone, although each comes from 16 predictions, and those of the forgetful
# model from 320. What is left is the gain of its many predictions, which make
# each step surer.


# %%
part = d2l.Corpus.from_text(sonnets.text[:8000], "8,000 characters")
options = {"lr": 5e-3, "held_out": 0.2, "clipping_theta": 1.0, "seed": 1}


def held_out(model, fit, num_epochs, **sizes):
    d2l.seed(1)
    model.initialize(init.Xavier())
    with redirect_stdout(io.StringIO()):  # a line for each epoch
        history = fit(model, part, num_epochs, **options, **sizes)
    loss = history[-1]["held_out_loss"]
    print(f"{type(model).__name__} with {sizes}: {loss:.2f} nats")
    return loss


def windows(Tx, num_epochs, batch_size):
    model = d2l.WindowLSTM(part.vocab_size, num_hiddens=64, dropout=0, Tx=Tx)
    return held_out(model, shakespeare.fit, num_epochs, batch_size=batch_size)


def reader(kind, num_epochs, **sizes):
    model = kind(part.vocab_size, None, num_hiddens=64, num_layers=2)
    return held_out(model, d2l.fit, num_epochs, **sizes)


few, many = windows(20, 3, 128), windows(20, 3, 16)
forgetful = reader(Forgetful, 20, batch_size=8, num_steps=40)
left = (many - forgetful) / (few - forgetful)
print(f"{left:.0%} of the distance is left")
assert few > many > forgetful and left < 0.5

# %% [markdown]
# ## 4
#
# A window of 10 costs a quarter of one of 40, so there are four times as many
# of them, and four epochs for one.
#
# ### Solution
#
# The short ones, by far. Each window is one prediction, however long it is,
# so windows of 10 predict, and update, four times as often. What they lack,
# the characters more than ten back, hardly helps: the lesson's curves are
# almost flat from there on.

# %%
short, long = windows(10, 4, 16), windows(40, 1, 16)
assert short < long - 0.2

# %% [markdown]
# ## 5
#
# Choose `batch_size` so that an update sees equally many characters in all
# four trainings.
#
# ### Solution
#
# When the steps are few. With two of them the forgetful model predicts half
# of the characters from one character alone, and the others from two, while
# the carried state knows what came before, even if no gradient reaches so far
# back. With 48 steps hardly a prediction lacks context, so a state from
# before gives little more.


# %%
gains = {}
for num_steps, batch_size in ((2, 96), (48, 4)):
    zeros, carried = (reader(kind, 9, batch_size=batch_size,
                             num_steps=num_steps)
                      for kind in (Forgetful, d2l.CharRNN))
    gains[num_steps] = zeros - carried
    print(f"{num_steps} steps: a carried state gains {zeros - carried:.2f}")
assert gains[2] > 0.05 and gains[2] > 1.5 * gains[48]
