"""Judge a reader's answer to an exercise by the package's own definition."""
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
from d2lrnn import numpy_rnn
from d2lrnn.basics.checks import check_choice, check_function, shown
from d2lrnn.data.samplers import data_iter_consecutive
from d2lrnn.dinosaur.network import clip
from d2lrnn.models import scratch
from d2lrnn.models.combinators import (
    bi,
    deep,
    get_bi_params,
    get_deep_params,
    init_bi_state,
    init_deep_state,
)
from d2lrnn.training.steps import grad_clipping
from mxnet import autograd, nd

__all__ = ["check"]

MOST = 1000  # mini-batches, if a sampler does not end


def plainly(function, *given):
    """Call a function with all arguments."""
    return function(*given)


class Exercise(NamedTuple):
    """What is asked for, and how to try an answer out.

    ``arguments`` draws what ``call`` passes on to a function, by name.
    ``results`` names what comes back, and ``gradients`` the arguments by which
    it is differentiated.
    """

    definition: Callable
    arguments: Callable
    results: tuple = ("the result",)
    gradients: tuple = ()
    call: Callable = plainly

    def draw(self, seed):
        """Draw the arguments, the same again for the same seed."""
        return self.arguments(np.random.default_rng(seed))


def check(lesson, exercise, answer):
    """Say whether an answer does what the package's own definition does.

    ``answer`` is the function that the exercise of this number asks for. It is
    called with several random arguments of different sizes; its results,
    their shapes, and their gradients where training needs them, are compared.
    Print one sentence that says what differs, or that nothing does, and return
    True or False. Raise ``ValueError`` for an exercise that asks for no
    function.

    >>> from d2lrnn import rnn, to_onehot
    >>> check("rnn_scratch", 2, rnn)
    rnn_scratch 2: right
    True
    >>> check("rnn_scratch", 2, to_onehot)
    rnn_scratch 2: your function takes other arguments: it is called with \
(inputs, state, params)
    False
    """
    check_choice("lesson", lesson, sorted({name for name, _ in EXERCISES}))
    numbers = [str(number) for name, number in EXERCISES if name == lesson]
    if str(exercise) not in numbers:
        raise ValueError(f"exercise is {shown(exercise)}: of {lesson}, these "
                         f"ask for a function: {', '.join(numbers)}")
    check_function("answer", answer)
    asked = EXERCISES[lesson, int(exercise)]
    faults = (fault for seed in range(3) for fault in faults_of(
        asked, answer, seed))
    fault = next(faults, None)
    print(f"{lesson} {exercise}: {fault or 'right'}")
    return fault is None


def faults_of(asked, answer, seed):
    """Yield what is wrong with an answer, in sentences."""
    before, left, given = (asked.draw(seed) for _ in range(3))
    if asked.call is plainly and not takes(answer, given):
        yield (f"your function takes other arguments: it is called with "
               f"({', '.join(given)})")
        return
    expected = tried(asked, asked.definition, left)
    try:
        results = tried(asked, answer, given)
    except Exception as error:  # the reader's function may raise anything
        first = str(error).partition("\n")[0]
        yield f"your function stopped with {type(error).__name__}: {first}"
        return
    yield from differences(asked.results, expected, results)
    ours, theirs = arrays_of(left), arrays_of(given)
    for place, array in arrays_of(before).items():
        if same(array, ours[place]) and not same(array, theirs.get(place)):
            yield (f"it changes {place}, which its caller still needs: make "
                   f"a new array")
    if asked.gradients:
        yield from wrong_gradients(asked, answer, seed)


def takes(function, given):
    """Say whether a function can be called with these arguments."""
    try:
        inspect.signature(function).bind(*given)
    except TypeError:
        return False
    except ValueError:  # Python does not know the signature
        pass
    return True


def tried(asked, function, given):
    """Return what a function makes of arguments."""
    results = asked.call(function, *given.values())
    return (list(islice(results, MOST)) if isinstance(results, Iterator)
            else results)


def differences(names, expected, results):
    """Yield in sentences where results differ from the expected ones."""
    if len(names) == 1:
        expected, results = (expected,), (results,)
    elif not isinstance(results, tuple | list) or len(results) != len(names):
        yield f"it returns {kind_of(results)}: return {' and '.join(names)}"
        return
    for name, right, result in zip(names, expected, results, strict=True):
        places, theirs = dict(paths(right)), dict(paths(result))
        if {*places} != {*theirs}:
            yield (f"{name} is {kind_of(result)}: it must be "
                   f"{kind_of(right)}")
        for path, array in places.items():
            if path in theirs:
                yield from difference(name + path, array, theirs[path])


def difference(name, right, result):
    """Yield in a sentence how an array differs, if it does."""
    if not isinstance(result, type(right)):
        yield f"{name} is {kind_of(result)}: it must be {kind_of(right)}"
    elif np.shape(right) != np.shape(result):
        yield (f"{name} has the shape {np.shape(result)}: it must be "
               f"{np.shape(right)}")
    elif not same(right, result):
        right, result = as_numpy(right), as_numpy(result)
        gap = np.abs(np.nan_to_num(result - right, nan=np.inf))
        worst = np.unravel_index(gap.argmax(), gap.shape)
        place = f"[{', '.join(map(str, worst))}]" if worst else ""
        yield (f"{name}{place} is {result[worst]:.4g}: it must be "
               f"{right[worst]:.4g}")


def wrong_gradients(asked, answer, seed):
    """Yield in a sentence which gradient of an answer is wrong."""
    expected = gradients_of(asked, asked.definition, seed)
    try:
        gradients = gradients_of(asked, answer, seed)
    except Exception as error:  # such as one of MXNet's, outside the graph
        yield (f"its results are right, but have no gradient, since "
               f"{type(error).__name__}: compute them with MXNet's operators "
               f"alone")
        return
    for name, right in expected.items():
        for sentence in difference(f"the gradient of {name}", right,
                                   gradients[name]):
            yield f"its results are right, but {sentence}"


def gradients_of(asked, function, seed):
    """Return by name the gradients of a weighted sum of all results."""
    given = asked.draw(seed)
    arrays = arrays_of({name: given[name] for name in asked.gradients})
    for array in arrays.values():
        array.attach_grad()
    weights = np.random.default_rng(seed + 100)
    with autograd.record():
        results = asked.call(function, *given.values())
        parts = [(array * nd.array(weights.normal(size=array.shape))).sum()
                 for _, array in paths(results)]
        loss = nd.add_n(*parts)
    loss.backward()
    return {name: array.grad for name, array in arrays.items()}


def arrays_of(given):
    """Return every array in the arguments, by its name and path."""
    return {name + path: value for name, argument in given.items()
            for path, value in paths(argument)
            if isinstance(value, np.ndarray | nd.NDArray)}


def paths(value, path=""):
    """Yield a path, such as ``[0][1]``, and the value of every leaf.

    >>> [*paths((1, {"a": [2, 3]}))]
    [('[0]', 1), ("[1]['a'][0]", 2), ("[1]['a'][1]", 3)]
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from paths(item, f"{path}[{key!r}]")
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from paths(item, f"{path}[{i}]")
    else:
        yield path, value


def same(right, result):
    """Say whether two arrays or numbers agree, up to rounding."""
    right, result = as_numpy(right), as_numpy(result)
    rtol = 1e-3 if right.dtype == np.float32 else 1e-6
    return right.shape == result.shape and np.allclose(
        result, right, rtol, rtol / 100)


def as_numpy(value):
    """Return one of MXNet's arrays, or what else holds numbers, in NumPy."""
    return value.asnumpy() if isinstance(value, nd.NDArray) else (
        np.asarray(value))


def kind_of(value):
    """Describe a value by its type and its size.

    >>> kind_of(nd.zeros((2, 3))), kind_of([1, 2]), kind_of(None)
    ('an NDArray of shape (2, 3)', 'a list of 2', 'None')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    article = "an" if name[0] in "aeioN" else "a"
    if isinstance(value, tuple | list):
        return f"a {name} of {len(value)}"
    if isinstance(value, Mapping):
        return f"a {name} with {', '.join(map(str, value))}"
    shape = getattr(value, "shape", None)
    return f"{article} {name}" + (f" of shape {shape}" if shape else "")


def cell_arguments(get_params, init_state):
    """Return a function that draws inputs, state and parameters of a cell."""
    def draw(rng):
        n, d, h = map(int, rng.permutation([2, 3, 5]))

        def like(arrays):
            return [nd.array(rng.normal(scale=0.5, size=array.shape))
                    for array in arrays]

        inputs = [nd.array(rng.normal(size=(n, d))) for _ in range(3)]
        state = init_state(n, h, ctx=None)
        return {"inputs": inputs, "state": tuple(like(state)),
                "params": like(get_params(d, h))}
    return draw


def corpus_arguments(rng):
    """Draw a corpus and the sizes of its mini-batches."""
    num_chars, batch_size, num_steps = rng.integers((30, 2, 3), (50, 5, 7))
    return {"corpus_indices": rng.integers(0, 9, num_chars),
            "batch_size": int(batch_size), "num_steps": int(num_steps)}


def clipping_arguments(rng):
    """Draw parameters with gradients, and a threshold for their norm."""
    params = [nd.array(rng.normal(size=shape)) for shape in ((3, 2), (4,))]
    for param in params:
        param.attach_grad()
        param.grad[:] = nd.array(rng.normal(size=param.shape))
    return {"params": params, "theta": float(rng.uniform(0.1, 9)),
            "ctx": params[0].context}


def clipped(function, params, theta, ctx):
    """Return the gradients that a function leaves."""
    function(params, theta, ctx)
    return [param.grad for param in params]


def lstm_step_arguments(rng):
    """Draw what one step backward through an LSTM reads, in NumPy."""
    m, n_a, n_x = rng.permutation([2, 3, 4])
    sizes = {"n_a": n_a, "n_x": n_x, "n_y": 2, "1": 1, "n_a+n_x": n_a + n_x}
    parameters = {name: rng.normal(size=[sizes[dim] for dim in dims.split()])
                  for name, dims in numpy_rnn.LSTM.items()}
    a_prev, c_prev, da_next, dc_next = rng.normal(size=(4, n_a, m))
    *_, cache = numpy_rnn.lstm_cell_forward(
        rng.normal(size=(n_x, m)), a_prev, c_prev, parameters)
    return {"da_next": da_next, "dc_next": dc_next, "cache": cache}


def gradient_arguments(rng):
    """Draw gradients of the model of names, and their limit."""
    names = {"dWax": (4, 3), "dWaa": (4, 4), "dWya": (3, 4), "db": (4, 1),
             "dby": (3, 1)}
    return {"gradients": {name: rng.normal(scale=3, size=shape)
                          for name, shape in names.items()},
            "maxValue": float(rng.uniform(1, 5))}


def cell(definition, arguments, **call):
    """Return the exercise that asks for a cell, or a maker of cells."""
    return Exercise(definition, arguments, ("outputs", "state"),
                    ("inputs", "state", "params"), **call)


EXERCISES = {
    ("lang_model_dataset", 2): Exercise(
        data_iter_consecutive, corpus_arguments, ("the mini-batches",)),
    ("rnn_scratch", 2): cell(scratch.rnn, cell_arguments(
        scratch.get_params, scratch.init_rnn_state)),
    ("making_it_fast", 2): Exercise(
        grad_clipping, clipping_arguments, ("the gradients",), call=clipped),
    ("gru", 2): cell(scratch.gru, cell_arguments(
        scratch.get_gru_params, scratch.init_gru_state)),
    ("lstm", 2): cell(scratch.lstm, cell_arguments(
        scratch.get_lstm_params, scratch.init_lstm_state)),
    ("deep_rnn", 2): cell(
        deep, cell_arguments(get_deep_params(scratch.get_lstm_params, 2),
                             init_deep_state(scratch.init_lstm_state, 2)),
        call=lambda deep, *given: deep(scratch.lstm, 2)(*given)),
    ("bi_rnn", 2): cell(
        bi, cell_arguments(get_bi_params(scratch.get_params),
                           init_bi_state(scratch.init_rnn_state)),
        call=lambda bi, *given: bi(scratch.rnn)(*given)),
    ("numpy_rnn", 2): Exercise(
        numpy_rnn.lstm_cell_backward, lstm_step_arguments,
        ("the gradients",)),
    ("dinosaur_names", 1): Exercise(clip, gradient_arguments,
                                    ("the gradients",)),
}
