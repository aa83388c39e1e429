"""Improvise: train on windows of musical values, then generate new ones.

Source: the jazz lesson of Coursera's Sequence Models course.
"""
import math
from fractions import Fraction

import numpy as np
from d2lrnn.basics.checks import check_numbers, check_path, shown
from d2lrnn.basics.environment import as_context, context_of
from d2lrnn.basics.files import writable
from d2lrnn.basics.measures import perplexity
from d2lrnn.generation.choosing import choose
from d2lrnn.jazz.grammar import check_chords, parse_token, quantize, to_notes
from d2lrnn.jazz.midi import (
    MOST_TICKS,
    QUARTERS,
    TICKS,
    measure_number,
    write_tune,
)
from d2lrnn.jazz.training_data import Music, check_music
from d2lrnn.models.lesson_models import DJModel
from d2lrnn.training.checks import check_same_vocabulary
from d2lrnn.training.feeds import Feed
from d2lrnn.training.fit import fit_feed
from mxnet import nd
from mxnet.gluon import HybridBlock

__all__ = ["Phrases", "check_layers", "djmodel", "fit", "generate_music",
           "music_inference_model", "one_hot", "predict_and_sample"]


class StepLosses(HybridBlock):
    """The cross-entropy of each step, shape (Tx,); an empty row costs 0."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hybridize()

    def hybrid_forward(self, F, output, y):
        """Return the losses for scores (Tx, m, n_values) and ids (Tx, m)."""
        known = y >= 0
        losses = F.pick(F.log_softmax(output), y) * -known
        num_phrases = F.slice_axis(known, axis=0, begin=0, end=1).sum()
        return F.broadcast_div(losses.sum(axis=1), num_phrases)


class Phrases(Feed):
    """Windows of musical values: the feed of a ``DJModel``.

    An epoch reads all windows, shuffled, as ids, where -1 is an empty row. The
    last mini-batch is filled up with empty windows, which cost nothing, so
    that all mini-batches have the same shape. Each step has a loss, and
    training minimises their sum.
    """

    def __init__(self, music, batch_size):
        check_music(music)
        if music.X.shape[1] < 2:
            raise ValueError("the windows have one value each, and it is "
                             "empty: give load_music_utils a Tx of 2 or more")
        batch_size = check_numbers(batch_size=batch_size)["batch_size"]
        self.X, self.Y = to_ids(music.X), to_ids(music.Y)
        m = len(self.X)
        super().__init__(music.corpus, "phrase",
                         [min(batch_size, m - i)
                          for i in range(0, m, batch_size)],
                         batch_size=batch_size)

    def intro(self):
        """Return a line that says how much is read."""
        m, Tx = self.X.shape
        return (f"{m} phrases of {Tx} values, {self.corpus.vocab_size} of "
                f"them distinct")

    def epoch(self, rng):
        """Yield ids: x, (batch_size, Tx), and y, (Tx, batch_size)."""
        order = rng.permutation(len(self.X))
        for i in range(0, len(order), self.batch_size):
            chosen = order[i:i + self.batch_size]
            missing = (0, self.batch_size - len(chosen))
            yield (np.pad(self.X[chosen], [missing, (0, 0)],
                          constant_values=-1),
                   np.pad(self.Y[:, chosen], [(0, 0), missing],
                          constant_values=-1))

    loss = StepLosses()

    def part(self, x, y, rows):
        """Return some rows of a mini-batch."""
        return x[rows], y[:, rows]

    def weight(self, x):
        """Return how many rows are not empty."""
        return int((x >= 0).any(axis=1).sum())

    def measure(self, model, losses):
        """Return the record of an epoch."""
        steps = len(losses) - 1  # the last step has nothing to predict
        return {"characters": len(self.X) * steps,
                "loss": float(losses.sum()),
                "step_losses": losses.tolist(),
                "perplexity": perplexity(losses.sum() / steps)}

    def line(self, record):
        """Return the line printed for the first epoch and every tenth one."""
        if record["epoch"] != 1 and record["epoch"] % 10:
            return None
        steps = record["step_losses"]
        return (f"epoch {record['epoch']}, loss {record['loss']:.3f} (first "
                f"step {steps[0]:.3f}, last {steps[-2]:.3f}), "
                f"{record['seconds']:.2f} sec")


def to_ids(vectors):
    """Return the ids of one-hot vectors, or -1 for vectors of zeros.

    >>> to_ids(np.array([[0, 1], [0, 0]])).tolist()
    [1, -1]
    """
    return np.where(vectors.any(axis=-1), vectors.argmax(axis=-1), -1)


def djmodel(Tx, n_a, n_values):
    """Return a new ``DJModel``: one LSTM cell and dense layer for Tx steps."""
    return DJModel(**check_numbers(Tx=Tx, n_a=n_a, n_values=n_values))


def decayed_rate(step):
    """Return Adam's learning rate after ``step`` steps: 0.01, decayed by 0.01.

    >>> decayed_rate(0), decayed_rate(100)
    (0.01, 0.005)
    """
    return 0.01 / (1 + 0.01 * step)


# checkpoints record this name, and resuming a training compares it
decayed_rate.__name__ = "learning_rate"


def fit(model, music, num_epochs=100, *, batch_size=32, **options):
    """Train a ``DJModel`` on a ``Music``, and return a history.

    The loss in a record is the sum over the steps; step_losses lists the loss
    of each step. ``options`` are those of ``d2lrnn.fit_feed``. As in the
    source, Adam uses the learning rate of ``decayed_rate``, and gradients are
    not clipped.
    """
    if not isinstance(model, DJModel) or not isinstance(music, Music):
        raise ValueError(f"fit was given a {type(model).__name__} and a "
                         f"{type(music).__name__}: it needs a djmodel and "
                         f"what load_music_utils returns")
    check_same_vocabulary(model, music.corpus)
    if music.X.shape[1:] != (model.Tx, model.vocab_size):
        raise ValueError(f"the model has {model.Tx} steps and "
                         f"{model.vocab_size} values, the music "
                         f"{music.X.shape[1]} and {music.n_values}: make the "
                         f"model for this music")
    return fit_feed(model, Phrases(music, batch_size), num_epochs, lr=0.01, **{
        "schedule": decayed_rate, "clipping_theta": None, **options})


def one_hot(ids, n_values, ctx=None):
    """Return the one-hot vectors of ids, an NDArray of shape (m, n_values).

    >>> one_hot([2], 3).asnumpy()
    array([[0., 0., 1.]], dtype=float32)
    """
    n_values = check_numbers(n_values=n_values)["n_values"]
    values = as_numpy(ids)
    # for an unknown id, MXNet would return a vector of zeros
    if not (values.dtype.kind in "iuf" and values.ndim and values.size and (
            (values >= 0) & (values < n_values) & (values % 1 == 0)).all()):
        raise ValueError(f"ids is {shown(ids)}: give whole numbers from 0 to "
                         f"{n_values - 1}")
    ctx = None if ctx is None else as_context(ctx)
    return nd.one_hot(nd.array(values, ctx=ctx), n_values)


def as_numpy(values):
    """Return numbers, lists or an NDArray as an array; others as objects.

    >>> as_numpy([1, 2]), as_numpy(nd.ones(1)), as_numpy(None)
    (array([1, 2]), array([1.], dtype=float32), array(None, dtype=object))
    """
    if isinstance(values, nd.NDArray):
        return values.asnumpy()
    try:
        return np.asarray(values)
    except ValueError:  # lists of different lengths
        return np.array(None)


def music_inference_model(lstm_cell, densor, n_values, n_a, Ty=50):
    """Return a function that plays Ty values with a trained cell and layer.

    The function uses these layers of a ``DJModel``, not copies of them.
    ``inference_model(x, a, c, pick)`` begins with a value x, of shape (1,
    n_values), and states a and c, of shape (1, n_a). It returns the
    probabilities of each step, Ty arrays of shape (n_values,). ``pick`` is
    called with each array and returns the id of the next value, by default the
    most probable one.
    """
    check_layers(lstm_cell, densor, n_values, n_a, Ty)

    def inference_model(x, a, c, pick=np.argmax):
        outputs = []
        for _ in range(Ty):
            Y, (a, c) = lstm_cell(x.expand_dims(0), [a, c])  # one step
            outputs.append(densor(Y)[0, 0].softmax().asnumpy())
            x = one_hot([pick(outputs[-1])], n_values, a.context)
        return outputs

    inference_model.n_values, inference_model.n_a = n_values, n_a
    inference_model.ctx = context_of(densor)
    return inference_model


def check_layers(lstm_cell, densor, n_values, n_a, Ty):
    """Raise ``ValueError`` if the layers do not have these sizes."""
    check_numbers(n_values=n_values, n_a=n_a, Ty=Ty)
    if not hasattr(lstm_cell, "num_hiddens") or not hasattr(densor, "_units"):
        raise ValueError(f"lstm_cell is a {type(lstm_cell).__name__}, densor "
                         f"a {type(densor).__name__}: give the lstm_cell and "
                         f"the densor of a djmodel")
    if (lstm_cell.num_hiddens, densor._units) != (n_a, n_values):
        raise ValueError(f"the layers have {lstm_cell.num_hiddens} hidden "
                         f"units and {densor._units} values, not {n_a} and "
                         f"{n_values}: give theirs as n_a and n_values")
    try:
        context_of(densor)
    except RuntimeError:
        raise ValueError("the layers have no weights yet: train the model "
                         "with fit, or call its initialize") from None


def predict_and_sample(inference_model, x_initializer=None,
                       a_initializer=None, c_initializer=None, *,
                       temperature=0, rng=None):
    """Play with a model, and return ``(results, indices)``.

    ``results`` are the values as one-hot vectors, of shape (Ty, n_values), and
    ``indices`` are their ids, of shape (Ty, 1). Initializers that are not
    given are zeros. At temperature 0 each value is the most probable one;
    above 0, values are drawn with ``rng``, a NumPy Generator.
    """
    check_player(inference_model)
    temperature = check_numbers(temperature=temperature)["temperature"]
    if temperature and not callable(getattr(rng, "random", None)):
        raise ValueError(f"rng is {shown(rng)}: give "
                         f"numpy.random.default_rng(seed), or temperature 0")
    ctx, n_a = inference_model.ctx, inference_model.n_a
    x = initial("x", x_initializer, (1, inference_model.n_values), ctx)
    a = initial("a", a_initializer, (1, n_a), ctx)
    c = initial("c", c_initializer, (1, n_a), ctx)
    chosen = []

    def pick(preds):
        with np.errstate(divide="ignore"):
            chosen.append(choose(np.log(preds), temperature, rng=rng))
        return chosen[-1]

    inference_model(x, a, c, pick)
    return np.eye(inference_model.n_values)[chosen], np.array(chosen)[:, None]


def check_player(inference_model):
    """Raise ``ValueError`` unless this is from music_inference_model."""
    if not callable(inference_model) or not hasattr(inference_model,
                                                    "n_values"):
        raise ValueError(f"inference_model is {shown(inference_model)}: give "
                         f"what music_inference_model returns")


def initial(name, value, shape, ctx):
    """Return an initializer as an NDArray, or zeros for None."""
    if value is None:
        return nd.zeros(shape, ctx=ctx)
    array = as_numpy(value)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name}_initializer is {shown(value)}: give an "
                         f"array of numbers of shape {shape}")
    if array.shape != shape:
        raise ValueError(f"{name}_initializer has shape {array.shape}: it "
                         f"must be {shape}")
    return nd.array(array, ctx=ctx)


def generate_music(inference_model, music, path="runs/jazz.mid", *,
                   temperature=None, seed=None):
    """Improvise over the chords of each measure of a tune; return the path.

    For each measure's chords the model plays a phrase, which begins in octave
    4 or 5. The phrases follow one another, each over its own chords, which are
    struck again in every measure of the phrase. The melody and the chords are
    written to a MIDI file at 130 quarter notes per minute, and the number of
    sounds in each phrase is printed.

    - ``inference_model``: what ``music_inference_model`` returned
    - ``music``: what ``load_music_utils`` returned
    - ``path``: the file to write; if its folder cannot be written to, the file
      goes to a temporary folder, with a warning
    - ``temperature``: if given, values are drawn; otherwise each is the most
      probable one, and all phrases have the same values
    - ``seed``: makes the draws of notes and values repeatable
    """
    check_player(inference_model)
    check_music(music)
    if inference_model.n_values != music.n_values:
        raise ValueError(f"the model has {inference_model.n_values} values, "
                         f"the music {music.n_values}: give the music that "
                         f"the model was trained on")
    check_numbers("seed", "temperature", seed=seed, temperature=temperature)
    rng = np.random.default_rng(seed)
    path = check_path("path", path)
    path = writable(path.parent) / path.name
    melody, under, start = [], [], 0
    for i, chords in enumerate(music.chords):
        _, indices = predict_and_sample(inference_model, rng=rng,
                                        temperature=temperature or 0)
        tokens = [music.indices_values[j] for j in indices[:, 0]]
        check_end(start + length_of(tokens))
        chords = under_phrase(check_chords(chords), tokens)
        phrase = to_notes(tokens, chords, rng)
        sounds = [note for note in phrase if note.pitches]
        print(f"{len(sounds)} sounds over chords {i + 1} of "
              f"{len(music.chords)}")
        melody += shifted(sounds, start)
        under += shifted(chords, start)
        start += QUARTERS * (measure_number(chords[-1]) + 1)
    write_tune(path, melody, under, tempo=130)
    return path


def under_phrase(chords, tokens):
    """Return a measure's chords, repeated in all measures of a phrase.

    Onsets count from 0. A chord ends where a later one begins; two may begin
    together.

    >>> from d2lrnn.jazz.midi import Note
    >>> chords = under_phrase([Note(8, 9, (60, 64))], ["C,3.000", "S,2.000"])
    >>> [(int(note.onset), int(note.length)) for note in chords]
    [(0, 4), (4, 4)]
    """
    # to_notes makes a last note of length 0 a quarter of a quarter note long
    length = max(length_of(tokens), 1)
    first = QUARTERS * measure_number(chords[0])
    struck = [note for i in range(math.ceil(length / QUARTERS))
              for note in shifted(chords, QUARTERS * i - first)]
    end = QUARTERS * math.ceil(length / QUARTERS)
    stops = [min((later.onset for later in struck if later.onset > note.onset),
                 default=end) for note in struck]
    return [note._replace(length=min(note.length, stop - note.onset))
            for note, stop in zip(struck, stops, strict=True)]


def length_of(tokens):
    """Return the length of tokens in quarter notes, after quantization.

    >>> length_of(["C,0.333", "R,2.000"])
    Fraction(9, 4)
    """
    return sum((parse_token(token)[1] for token in quantize(tokens)),
               Fraction(0))


def check_end(quarters):
    """Raise ``ValueError`` for music that is too long for a MIDI file."""
    if quarters > MOST_TICKS // TICKS:
        raise ValueError(f"the music lasts {float(quarters):.0f} quarters, "
                         f"but a MIDI file can hold at most "
                         f"{MOST_TICKS // TICKS}: train on a tune with "
                         f"shorter notes")


def shifted(notes, quarters):
    """Return notes shifted by a number of quarter notes."""
    return [note._replace(onset=note.onset + quarters) for note in notes]
