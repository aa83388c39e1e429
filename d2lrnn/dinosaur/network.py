"""The character model of names: forward, backward, train, sample, plot."""
import numpy as np
from d2lrnn.basics.checks import checked, explained
from d2lrnn.basics.figures import new_figure
from d2lrnn.dinosaur.checks import (
    check_clip,
    check_example,
    check_forward,
    check_initial,
    check_initial_loss,
    check_invent,
    check_model_settings,
    check_plot,
    check_sample,
    check_sample_ix,
    check_step,
    check_step_backward,
    unpack,
)
from d2lrnn.dinosaur.data import encode, read_names
from d2lrnn.dinosaur.fast_steps import Buffers
from d2lrnn.numpy_rnn import softmax

__all__ = ["clip", "get_initial_loss", "get_sample", "initialize_parameters",
           "invent", "model", "optimize", "plot_loss", "print_sample",
           "rnn_backward", "rnn_forward", "rnn_step_backward",
           "rnn_step_forward", "sample", "smooth", "update_parameters"]


@checked(check_initial)
def initialize_parameters(n_a, n_x, n_y):
    """Draw parameters: weights with standard deviation 0.01 and zero biases.

    Return the dict of parameters. NumPy's generator is seeded with 1 first.
    """
    np.random.seed(1)
    return {"Wax": np.random.randn(n_a, n_x) * 0.01,
            "Waa": np.random.randn(n_a, n_a) * 0.01,
            "Wya": np.random.randn(n_y, n_a) * 0.01,
            "b": np.zeros((n_a, 1)), "by": np.zeros((n_y, 1))}


@explained
@checked(check_step)
def rnn_step_forward(parameters, a_prev, x):
    """Return ``(a_next, p_t)``: the next state and the probabilities.

    a_prev and a_next have shape (n_a, 1), x has (n_x, 1), p_t (n_y, 1).
    """
    Wax, Waa, Wya, b, by = unpack(parameters)
    a_next = np.tanh(Wax @ x + Waa @ a_prev + b)
    return a_next, softmax(Wya @ a_next + by)


@checked(check_forward)
def rnn_forward(X, Y, a0, parameters, vocab_size=27):
    """Return ``(loss, cache)`` of a name: its loss over all steps, in nats.

    a0 has shape (n_a, 1). ``cache`` is ``(y_hat, a, x)``: dicts of each step's
    probabilities, state and input; ``a[-1]`` is a0.
    """
    loss, x, a, y_hat = 0, {}, {-1: np.copy(a0)}, {}
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t], y_hat[t] = rnn_step_forward(parameters, a[t - 1], x[t])
        loss -= np.log(y_hat[t][Y[t], 0])
    return loss, (y_hat, a, x)


@explained
@checked(check_step_backward)
def rnn_step_backward(dy, gradients, parameters, x, a, a_prev):
    """Add the gradients of a step to ``gradients``, and return it.

    dy, of shape (n_y, 1), is the gradient with respect to the scores; x, a and
    a_prev are those of the step. ``gradients["da_next"]``, of shape (n_a, 1),
    is the gradient from the next step, and is replaced by the one for the
    previous step.
    """
    _, Waa, Wya, _, _ = unpack(parameters)
    dWax, dWaa, dWya, db, dby = unpack(gradients, "d")
    dz = (1 - a ** 2) * (Wya.T @ dy + gradients["da_next"])  # (n_a, 1)
    dWax += dz @ x.T
    dWaa += dz @ a_prev.T
    dWya += dy @ a.T
    db += dz
    dby += dy
    gradients["da_next"] = Waa.T @ dz
    return gradients


@explained
@checked(check_example)
def rnn_backward(X, Y, parameters, cache):
    """Return ``(gradients, a)`` of a name by backpropagation through time.

    ``cache`` is what ``rnn_forward`` returned, and ``a`` has its states.
    """
    y_hat, a, x = cache
    gradients = {"d" + key: np.zeros_like(param)
                 for key, param in parameters.items()}
    gradients["da_next"] = np.zeros_like(a[0])
    for t in reversed(range(len(X))):
        dy = np.copy(y_hat[t])
        dy[Y[t]] -= 1
        gradients = rnn_step_backward(dy, gradients, parameters, x[t], a[t],
                                      a[t - 1])
    return gradients, a


@checked(check_clip)
def clip(gradients, maxValue):
    """Clip each gradient to [-maxValue, maxValue], in place.

    >>> names = ("dWax", "dWaa", "dWya", "db", "dby")
    >>> clip({name: np.array([-7.0, 3.0, 8.0]) for name in names}, 5)["db"]
    array([-5.,  3.,  5.])
    """
    for gradient in unpack(gradients, "d"):
        np.clip(gradient, -maxValue, maxValue, out=gradient)
    return gradients


@explained
@checked(check_step)
def update_parameters(parameters, gradients, lr):
    """Take a step of gradient descent in place; return the parameters."""
    for param, gradient in zip(unpack(parameters), unpack(gradients, "d"),
                               strict=True):
        param -= lr * gradient
    return parameters


@checked(check_sample)
def sample(parameters, char_to_ix, seed, *, temperature=1.0):
    """Return the ids of an invented name, with the newline at its end.

    Step t seeds NumPy's generator with seed + 2 * t and draws from the softmax
    of the scores divided by ``temperature``. After 50 characters a newline is
    added.
    """
    Wax, Waa, Wya, b, by = unpack(parameters)
    x, a_prev = np.zeros((len(by), 1)), np.zeros((len(b), 1))
    indices, idx, counter = [], None, 0
    while idx != char_to_ix["\n"] and counter != 50:
        a_prev = np.tanh(Wax @ x + Waa @ a_prev + b)
        scores = Wya @ a_prev + by
        y = softmax((scores - scores.max()) / temperature)
        np.random.seed(counter + seed)
        idx = np.random.choice(len(y), p=y.ravel())
        indices.append(idx)
        x = np.zeros_like(x)
        x[idx] = 1
        seed, counter = seed + 1, counter + 1
    if counter == 50:
        indices.append(char_to_ix["\n"])
    return indices


@checked(check_example)
def optimize(X, Y, a_prev, parameters, learning_rate=0.01):
    """Learn from a name; return ``(loss, gradients, a_last, parameters)``.

    Run forward and backward, clip to [-5, 5], and update in place. ``Buffers``
    does this, with the same results as the functions above but faster.
    """
    buffers = Buffers(parameters)
    loss, a_last = buffers.step(X, Y, a_prev, parameters,
                                float(learning_rate), 5)
    return loss, buffers.gradients, a_last, parameters


@checked(check_initial_loss)
def get_initial_loss(vocab_size, seq_length):
    """Return the loss, in nats, of guessing seq_length characters uniformly.

    >>> round(get_initial_loss(27, 7), 4)
    23.0709
    """
    return -np.log(1 / vocab_size) * seq_length


@explained
def smooth(loss, cur_loss):
    """Return a loss, moved a thousandth of the way to ``cur_loss``.

    >>> smooth(20.0, 30.0)
    20.01
    """
    return loss * 0.999 + cur_loss * 0.001


@checked(check_sample_ix)
def get_sample(sample_ix, ix_to_char):
    r"""Return a sample as text, with the first character in upper case.

    >>> get_sample([2, 1, 0], {0: "\n", 1: "o", 2: "t"})
    'To\n'
    """
    text = "".join(ix_to_char[i] for i in sample_ix)
    return text[:1].upper() + text[1:]


def print_sample(sample_ix, ix_to_char):
    """Print a sample as text, with the first character in upper case."""
    print(get_sample(sample_ix, ix_to_char), end="")


@checked(check_model_settings)
def model(data, ix_to_char, char_to_ix, num_iterations=35000, n_a=50,
          dino_names=7, vocab_size=27, *, losses=None):
    """Train on a text or a list of names, print samples, return parameters.

    Each iteration learns from one name, in an order that is shuffled once.
    Every 2,000 iterations the smoothed loss and some samples are printed.

    - ``data``: a text with one name per line, or a list of names
    - ``ix_to_char``, ``char_to_ix``: what ``vocabulary`` returns
    - ``num_iterations``: the number of iterations
    - ``n_a``: the number of hidden units
    - ``dino_names``: the number of samples printed each time
    - ``vocab_size``: the size of the vocabulary
    - ``losses``: a list to which the loss of each iteration is appended, in
      nats

    Raise ``ValueError`` if there are no names, for unknown characters, and if
    vocab_size is not the size of the vocabulary.
    """
    examples = [encode(name, char_to_ix) for name in read_names(data)]
    np.random.seed(0)
    np.random.shuffle(examples)
    parameters = initialize_parameters(n_a, vocab_size, vocab_size)
    buffers, a_prev = Buffers(parameters), np.zeros((n_a, 1))
    loss = get_initial_loss(vocab_size, dino_names)
    for j in range(num_iterations):
        X, Y = examples[j % len(examples)]
        # the last state of a name is the first state of the next
        cur_loss, a_prev = buffers.step(X, Y, a_prev, parameters, 0.01, 5)
        loss = smooth(loss, cur_loss)
        if losses is not None:
            losses.append(float(cur_loss))
        if j % 2000 == 0:
            print(f"Iteration: {j}, Loss: {loss:f}\n")
            for seed in range(dino_names):
                print_sample(sample(parameters, char_to_ix, seed), ix_to_char)
            print()
    return parameters


def invent(parameters, ix_to_char, char_to_ix, names, num_names=7, *, seed=0,
           temperature=1.0):
    """Return a list of pairs: an invented name, and "new" or "in the list".

    A name without characters is "empty". Name n is sampled with the seed
    ``seed + 100 * n``: closer seeds would share draws, since step t of
    ``sample`` uses seed + 2 * t.

    - ``parameters``: those that ``model`` returns
    - ``ix_to_char``, ``char_to_ix``: the vocabulary used in training
    - ``names``: the list used in training
    - ``num_names``: the number of names to invent
    - ``seed``: an int; another one gives other names
    - ``temperature``: below 1 for likelier names, above 1 for wilder ones
    """
    check_invent(seed, temperature, num_names)
    known, invented = set(read_names(names)), []
    for n in range(num_names):
        indices = sample(parameters, char_to_ix, seed + 100 * n,
                         temperature=temperature)
        name = get_sample(indices, ix_to_char).strip()
        kind = "in the list" if name.lower() in known else "new"
        invented.append((name, kind if name else "empty"))
    return invented


@checked(check_plot)
def plot_loss(losses, vocab_size=27, dino_names=7, *, window=1000):
    """Plot the smoothed loss, and the mean loss of the last names, in nats.

    ``losses`` is the list that ``model`` fills; vocab_size and dino_names are
    as in ``model``. Each mean is over ``window`` names, or at the beginning
    over all names so far, at least 100. Return a matplotlib ``Figure``.
    """
    loss, smoothed = get_initial_loss(vocab_size, dino_names), []
    for cur_loss in losses:
        loss = smooth(loss, cur_loss)
        smoothed.append(loss)
    sums = np.cumsum([0, *losses])
    ends = np.arange(min(100, len(losses)), len(sums))
    starts = np.maximum(ends - window, 0)
    figure = new_figure()
    axes = figure.add_subplot()
    axes.plot(range(1, len(sums)), smoothed, label="smoothed loss")
    axes.plot(ends, (sums[ends] - sums[starts]) / (ends - starts),
              label=f"mean of the last {window:,} names")
    axes.set(xlabel="iteration", ylabel="nats for a name")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
