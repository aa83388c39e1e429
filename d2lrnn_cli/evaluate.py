"""``d2lrnn eval``: measure a model."""
import math
from typing import Annotated

from typer import BadParameter, Option

from d2lrnn_cli.app import messages
from d2lrnn_cli.arguments import AsJson, ModelPath, TextName
from d2lrnn_cli.streams import to_json

__all__ = ["evaluate"]

LR, DECAY = 1e-4, 0.001  # those of d2lrnn.evaluate_dynamically

Rows = Annotated[int | None, Option(
    metavar="N", show_default="one for each 10,000 units, at most 32; one "
    "with --dynamic",
    help="Rows that the text is read in.")]
Temperature = Annotated[float, Option(
    metavar="X", help="Divide the scores: above 1 the model is less sure.")]
Dynamic = Annotated[str | None, Option(
    metavar="TEXT|NAME", help="Measure the model a second time, while it goes "
    "on learning from what it reads; TEXT is what it was trained on.")]
Lr = Annotated[float, Option(
    metavar="X", help="Learning rate, with --dynamic.")]
Decay = Annotated[float, Option(
    metavar="X", help="How far the weights return to the trained ones in a "
    "step, with --dynamic.")]


def evaluate(model: ModelPath, text: TextName, rows: Rows = None,
             temperature: Temperature = 1.0, dynamic: Dynamic = None,
             lr: Lr = LR, decay: Decay = DECAY, as_json: AsJson = False):
    """Measure a model on a text: perplexity and bits per character."""
    from d2lrnn_cli.loading import load_model
    check_options(dynamic, lr, decay, temperature)
    if rows is None and dynamic is not None:
        rows = 1  # as a model reads that learns
    model = load_model(model)
    part = known_part(model, text)
    # what is wrong is said before anything is measured
    train_part = None if dynamic is None else known_part(model, dynamic)
    check_ranges(rows, lr, decay)
    measured = measure(model, part, rows, temperature)
    if not as_json:
        print(f"{in_lines(measured)}\n"
              f"<unk>               {measured['unk']:.2%}\n"
              f"left out            {measured['left_out']:.2%} (not in the "
              f"vocabulary)")
    if train_part:
        with messages():
            learning = measure_dynamically(model, part, train_part, lr, decay)
        measured["dynamic"] = learning
        if not as_json:
            print(f"while it learns (lr {lr:g}, decay {decay:g}):\n"
                  f"{in_lines(learning)}")
    if as_json:
        print(to_json(measured))


def check_options(dynamic, lr, decay, temperature):
    """Raise ``BadParameter`` for options that do not go together."""
    if dynamic is None and (lr, decay) != (LR, DECAY):
        raise BadParameter("it needs --dynamic with the text that the model "
                           "was trained on", param_hint="--lr, --decay")
    if dynamic is not None and temperature != 1:
        raise BadParameter("a model that goes on learning has none: leave it "
                           "out, or leave out --dynamic",
                           param_hint="--temperature")


def check_ranges(rows, lr, decay):
    """Raise ``ValueError`` for numbers that cannot be used."""
    from d2lrnn.basics.checks import RANGES, check_number, check_numbers
    check_number("rows", rows, *RANGES["batch_size"], none="left out")
    check_numbers(lr=lr, decay=decay)


def in_lines(measured):
    """Return what the two lines of a measured loss say."""
    return (f"perplexity          {measured['perplexity']:.3f}\n"
            f"bits per character  {measured['bits_per_char']:.3f}")


def measure(model, part, num_rows=None, temperature=1.0):
    """Return a dict of a model's loss and other measures on a text.

    ``part`` is the text's ``known_part``. It is read in ``num_rows`` rows, and
    the temperature divides the scores. The loss is in nats per token. A token
    that is not in the vocabulary counts as ``<unk>`` if the vocabulary has
    that entry, and is left out otherwise.
    """
    import d2lrnn as d2l
    corpus, kept, unk = part
    if num_rows is None:
        # each so long that its initial zeros do not matter
        num_rows = max(1, min(32, len(kept) // 10_000))
    losses, targets = d2l.evaluate(model, kept, num_rows,
                                   temperature=temperature)
    num_tokens = len(corpus.corpus_indices)
    return {**in_units(losses, corpus),
            "unk": float((targets == unk).mean()),
            "left_out": 1 - len(kept) / num_tokens,
            "units": num_tokens, "level": model.level}


def measure_dynamically(model, part, train_part, lr, decay):
    """Return a dict of a model's loss on a text while it learns from it.

    ``train_part`` is the part that it knows of the text on which it was
    trained.
    """
    import d2lrnn as d2l
    (corpus, ids, _), (_, train_ids, _) = part, train_part
    losses, _ = d2l.evaluate_dynamically(model, ids, train_ids, lr=lr,
                                         decay=decay)
    return {**in_units(losses, corpus), "lr": lr, "decay": decay}


def known_part(model, text):
    """Return a text as a corpus, the ids that a model knows, and ``<unk>``'s.

    Raise ``ValueError`` if there are fewer than two, or if the text cannot be
    cut into the model's tokens.
    """
    from d2lrnn.data.tokens import UNKNOWN, unit_of

    from d2lrnn_cli.loading import load_text
    if model.level == "token":
        raise ValueError("the model has tokens that no rule cuts a text into: "
                         "measure it in Python, with d2lrnn.evaluate")
    known = list(model.idx_to_char)
    unk = known.index(UNKNOWN) if UNKNOWN in known else len(known)
    corpus = load_text(text, model.level, vocabulary=known if unk < len(
        known) else [*known, UNKNOWN])
    kept = corpus.corpus_indices[corpus.corpus_indices < len(known)]
    if len(kept) < 2:
        raise ValueError(f"{text} has {len(kept)} {unit_of(model.level)}s "
                         f"that the model knows: give a text like the one it "
                         f"was trained on")
    return corpus, kept, unk


def in_units(losses, corpus):
    """Return a mean loss in three units, as a dict."""
    import d2lrnn as d2l
    loss = float(losses.mean(dtype="float64"))
    chars_per_token = corpus.num_chars / len(corpus.corpus_indices)
    return {"perplexity": d2l.perplexity(loss), "loss": loss,
            "bits_per_char": loss / math.log(2) / chars_per_token}
