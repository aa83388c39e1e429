# %% [markdown]
# # Solutions: regularisation
#
# The exercises are at the end of `regularisation.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import io
from contextlib import redirect_stdout

import d2lrnn as d2l
import numpy as np
from mxnet import autograd, nd

ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare", num_chars=30_000)
rest, _, _ = d2l.split(corpus, 0.1)
valid_ids = rest[-(len(rest) // 9):]


def train(num_chars, num_epochs, num_hiddens=64, lr=1e-2, **options):
    """Train on some characters before the validation part."""
    model = d2l.CharRNN(corpus.vocab_size, 32, num_hiddens, 1,
                        dropout=options.pop("dropout", 0.0))
    valid = len(rest) // 9
    part = d2l.load_corpus(
        "".join(corpus.idx_to_char[i] for i in rest[-num_chars - valid:])
        + "\n", vocabulary=corpus.idx_to_char)
    with redirect_stdout(io.StringIO()):
        history = d2l.fit(model, part, num_epochs, lr, batch_size=10,
                          num_steps=40, seed=1, ctx=ctx,
                          held_out=valid / (num_chars + valid), **options)
    return model, history


# %% [markdown]
# ## 1
#
# One epoch says little; compare it with those before it. What happens to the
# validation loss while the gap opens?
#
# ### Solution
#
# Not by that alone. A gap says that some of what was learned holds for the
# training text only; the rest may still hold for others. The model overfits
# from the epoch on in which the *validation loss rises*. Below, the gap grows
# for some epochs while the validation loss falls all the same.

# %%
_, history = train(12_000, 16)
gaps = [r["held_out_loss"] - r["loss"] for r in history]
losses = [r["held_out_loss"] for r in history]
for r, gap in list(zip(history, gaps, strict=True))[::3]:
    print(f"epoch {r['epoch']:2}: gap {gap:+.3f}, validation "
          f"{r['held_out_loss']:.3f}")
best = int(np.argmin(losses))
assert best > 1 and gaps[best] > gaps[0]

# %% [markdown]
# ## 2
#
# Train with the same number of steps, not of epochs: an epoch of half of the
# text has half of the steps. Take the best epoch of each.
#
# ### Solution
#
# Each doubling lowers the loss. In our run the first brought 0.08 nats and the
# second 0.05: about as much as dropout in the lesson, by its best epochs.

# %%
by_size = {}
for num_chars, num_epochs in ((6_000, 32), (12_000, 16), (24_000, 8)):
    _, history = train(num_chars, num_epochs, dropout=0.2)
    by_size[num_chars] = min(r["held_out_loss"] for r in history)
    print(f"{num_chars:,} characters: {by_size[num_chars]:.3f} nats")
assert by_size[6_000] > by_size[12_000] > by_size[24_000]

# %% [markdown]
# ## 3
#
# How far apart are the last weights that an average is made of?
#
# ### Solution
#
# `one_cycle` lowers the rate to almost 0, so the weights of the last steps
# are nearly the same, and their average is close to each. With a constant
# rate they are still on the move, and their average lies between them. The
# training is the same with and without the average, so the difference below
# is what the average brings.

# %%
gains = {}
for schedule in ("one_cycle", "constant"):
    without, averaged = (
        train(24_000, 6, schedule=schedule, average=average)[1]
        for average in (None, 0.98))
    assert averaged[-1]["loss"] == without[-1]["loss"]
    gains[schedule] = (without[-1]["held_out_loss"]
                       - averaged[-1]["held_out_loss"])
    print(f"{schedule}: the average brings {gains[schedule]:+.4f} nats")
assert gains["constant"] > gains["one_cycle"]

# %% [markdown]
# ## 4
#
# What has the model already seen when a loss is measured?
#
# ### Solution
#
# The second number says how well the model *remembers* what it has just
# learned, and not how well it predicts: with enough steps on the same
# characters it falls as far as one likes. It is a training loss.

# %%
model, _ = train(24_000, 6)
params = [param.data() for param in model.collect_params().values()]
trained = [param.copy() for param in params]


def read(before):
    """Learn 20 characters at a time, before or after they are measured."""
    for param, start in zip(params, trained, strict=True):
        param[:] = start
    state, losses = model.begin_state(1, ctx), []
    for i in range(0, len(valid_ids) - 20, 20):
        x = nd.array(valid_ids[None, i:i + 20], ctx=ctx)
        y = nd.array(valid_ids[i + 1:i + 21], ctx=ctx)
        with autograd.record():
            output, new_state = model(x, state)
            l = -nd.pick(nd.log_softmax(output), y)
            mean = l.mean()
        mean.backward()
        for param in params:
            param -= 0.2 * param.grad
        if before:
            l = -nd.pick(nd.log_softmax(model(x, state)[0]), y)
        state = [s.detach() for s in new_state]
        losses.append(float(l.mean().asscalar()))
    return np.mean(losses)


after, before = read(before=False), read(before=True)
print(f"measured first: {after:.3f} nats, learned first: {before:.3f}")
assert before < after
