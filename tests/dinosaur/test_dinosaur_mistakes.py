"""What may be wrong in a call, named in one sentence."""
import inspect
import math

import numpy as np
import pytest
from d2lrnn import dinosaur
from dinosaur_oracle import (
    CHAR_TO_IX,
    IX_TO_CHAR,
    NAMES,
    VOCAB_SIZE,
    always,
    draw,
)


def model(**changes):
    """Train a little, with some arguments changed."""
    arguments = {"data": NAMES, "ix_to_char": IX_TO_CHAR,
                 "char_to_ix": CHAR_TO_IX, "num_iterations": 1, "n_a": 4,
                 "vocab_size": VOCAB_SIZE, **changes}
    return dinosaur.model(**arguments)


def step(name="optimize", **changes):
    """Run a function on the arrays of a name, some of them changed."""
    parameters = draw(4, VOCAB_SIZE)
    X, Y = dinosaur.encode("yi", CHAR_TO_IX)
    a = np.zeros((4, 1))
    _, cache = dinosaur.rnn_forward(X, Y, a, parameters, VOCAB_SIZE)
    gradients, _ = dinosaur.rnn_backward(X, Y, parameters, cache)
    arrays = {"X": X, "Y": Y, "parameters": parameters, "cache": cache,
              "gradients": gradients, "lr": 0.01, "maxValue": 5,
              "a_prev": a, "a0": a, "a": a, "vocab_size": VOCAB_SIZE,
              "x": np.zeros((VOCAB_SIZE, 1)), "dy": np.zeros((VOCAB_SIZE, 1)),
              "char_to_ix": CHAR_TO_IX, "seed": 0}
    for key, value in changes.items():
        for inside in (parameters, gradients):
            if key in inside:
                inside[key] = value
                break
        else:
            arrays[key] = value
    function = getattr(dinosaur, name)
    named = inspect.signature(function).parameters
    return function(**{key: arrays[key] for key in named if key in arrays})


@pytest.mark.parametrize("name", [
    "rnn_step_forward", "rnn_forward", "rnn_step_backward", "rnn_backward",
    "clip", "update_parameters", "sample", "optimize"])
def test_nothing_is_wrong_with_what_the_errors_start_from(name):
    step(name)


def without(char):
    chars = [c for c in CHAR_TO_IX if c != char]
    return {c: i for i, c in enumerate(chars)}


COLUMN, WIDE = np.zeros((5, 1)), np.zeros((4, 2))
GRADIENTS = dict.fromkeys(("dWax", "dWaa", "dWya", "db", "dby"), COLUMN)
STEPS = ["rnn_forward", "rnn_backward", "optimize"]
STATES = {"rnn_forward": "a0", "optimize": "a_prev",
          "rnn_step_forward": "a_prev", "rnn_step_backward": "a_prev"}


@pytest.mark.parametrize("call, words", [
    (lambda: model(data=["yi", "min!mi"]), r"'min!mi' has the character '!'"),
    (lambda: model(data=[]), "data has no names"),
    (lambda: model(data=" \n\n"), "data has no names"),
    (lambda: model(data=["yi", None]), "data has None"),
    (lambda: model(vocab_size=27), f"vocab_size is for 27 characters, but "
     f"char_to_ix has {VOCAB_SIZE}"),
    (lambda: model(char_to_ix={"a": 0}, vocab_size=1), "no newline"),
    (lambda: model(char_to_ix={"\n": 0, "a": 2}, vocab_size=2),
     "from 0 to 1"),
    (lambda: model(ix_to_char={}), "ix_to_char is not the inverse"),
    (lambda: model(num_iterations=0), "num_iterations is 0"),
    (lambda: model(n_a=0), "n_a is 0"),
    (lambda: model(dino_names=2.5), "dino_names is 2.5"),
    (lambda: step("clip", maxValue=0), "maxValue is 0"),
    (lambda: step("clip", maxValue=-5), "maxValue is -5"),
    (lambda: step("clip", maxValue=math.nan), "maxValue is nan"),
    (lambda: dinosaur.clip({"dWax": COLUMN, "dba": COLUMN}, 5), "no dWaa"),
    (lambda: dinosaur.clip({}, 5), "gradients has no dWax"),
    (lambda: dinosaur.clip({**GRADIENTS, "dWya": [-7.0, 3.0]}, 5),
     r"dWya is \[-7.0, 3.0\]: give an array of floats"),
    (lambda: dinosaur.clip({**GRADIENTS, "db": np.array([7])}, 5),
     r"db is array\(\[7\]\): give an array of floats"),
    (lambda: step("update_parameters", dWya=COLUMN), "dWya has shape"),
    (lambda: step("update_parameters", gradients={}), "no dWax among"),
    (lambda: step("update_parameters", dby=np.zeros((VOCAB_SIZE, 1), int)),
     "dby has the type int64"),
    (lambda: step("rnn_step_forward", x=COLUMN), "x has shape"),
    (lambda: step("rnn_step_backward", dy=COLUMN), "dy has shape"),
    (lambda: step("rnn_step_backward", x=WIDE), "x has shape"),
    (lambda: step("rnn_step_backward", dWaa=WIDE), "dWaa has shape"),
    (lambda: step("rnn_step_backward", a=COLUMN), "a has shape"),
    (lambda: step("rnn_step_backward", da_next=COLUMN), "da_next has shape"),
    (lambda: step("rnn_step_backward", gradients={
        "d" + key: array for key, array in draw(4, VOCAB_SIZE).items()}),
     "gradients has no da_next"),
    (lambda: step("rnn_forward", vocab_size=27), "vocab_size is 27, but Wax "
     f"has {VOCAB_SIZE} columns"),
    (lambda: step("rnn_backward", cache=({}, {}, {})), "cache is of 0"),
    *((lambda name=name, state=state: step(name, **{state: COLUMN}),
       f"{state} has shape \\(5, 1\\)") for name, state in STATES.items()),
    *((lambda name=name, state=state: step(name, **{state: np.zeros(4)}),
       f"{state} has shape \\(4,\\)") for name, state in STATES.items()),
    *((lambda name=name: step(name, X=[None, 1]), "X has 2 ids and Y has 3")
      for name in STEPS),
    *((lambda name=name: step(name, X=[], Y=[]), "X has 0 ids")
      for name in STEPS),
    *((lambda name=name: step(name, X=[None, VOCAB_SIZE, 1]),
       f"X has the id {VOCAB_SIZE}: ids go from 0 to {VOCAB_SIZE - 1}")
      for name in STEPS),
    *((lambda name=name: step(name, Y=[0, 1, -1]), "Y has the id -1")
      for name in STEPS),
    *((lambda name=name: step(name, Y=[0, 1, None]), "Y has the id None")
      for name in STEPS),
    *((lambda name=name: step(name, Waa=WIDE), "Waa has shape \\(4, 2\\)")
      for name in (*STEPS, "sample", "update_parameters")),
    *((lambda name=name: step(name, b=np.zeros(4)), "b has shape \\(4,\\)")
      for name in (*STEPS, "sample", "update_parameters")),
    (lambda: step(Wax=np.zeros((4, VOCAB_SIZE), int)), "Wax has the type int"),
    (lambda: step(parameters={"Wax": WIDE}), "no Waa among Wax"),
    (lambda: step(parameters={**draw(4, 5), "b": "zero"}), "b is of the type"),
    (lambda: step("sample", temperature=0), "temperature is 0"),
    (lambda: step("sample", temperature=math.inf), "temperature is inf"),
    (lambda: step("sample", temperature=math.nan), "temperature is nan"),
    (lambda: step("sample", seed=-1), "seed is -1"),
    (lambda: step("sample", seed=0.5), "seed is 0.5"),
    (lambda: step("sample", seed=2 ** 32 - 100), "from 0 to 4294967195"),
    (lambda: step("sample", char_to_ix=without("z")), "Wax is for"),
    (lambda: step("sample", char_to_ix=without("\n")), "no newline"),
    (lambda: step("sample", Wya=np.zeros((3, 4)), by=np.zeros((3, 1))),
     "Wya is for 3 characters"),
    (lambda: dinosaur.get_sample([0, 99], IX_TO_CHAR), "the id 99"),
    (lambda: dinosaur.plot_loss([]), r"losses is \[\]: give a list of at"),
    (lambda: dinosaur.plot_loss([3.0], window=0), "window is 0"),
    (lambda: dinosaur.encode("a\u00e9", CHAR_TO_IX), "the character 'é'"),
    (lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX, NAMES, 0),
     "num_names is 0"),
    (lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX, NAMES, 2,
                             seed=2 ** 32 - 200), "from 0 to 4294967095"),
])
def test_mistakes_are_named_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert ": " in str(caught.value)


def test_unknown_characters_are_seen_before_training(capsys):
    with pytest.raises(ValueError, match="lacks"):
        model(data=[*NAMES, "qq"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", None, True, 2 ** 31])
def test_sizes_that_are_none_are_one_sentence(value):
    for call in (lambda: dinosaur.initialize_parameters(value, 3, 3),
                 lambda: dinosaur.get_initial_loss(value, 7),
                 lambda: dinosaur.model(NAMES, IX_TO_CHAR, CHAR_TO_IX,
                                        value, 4, 1, len(CHAR_TO_IX)),
                 lambda: dinosaur.plot_loss([3.0], window=value),
                 lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX,
                                         NAMES, value)):
        with pytest.raises(ValueError, match=r"is .*: it must be"):
            call()
