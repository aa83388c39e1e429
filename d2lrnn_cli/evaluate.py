"""``d2lrnn eval``: measure a model."""
import math
from typing import Annotated

from typer import BadParameter, Option

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
    if dynamic is None and (lr, decay) != (LR, DECAY):
        raise BadParameter("it needs --dynamic with the text that the model "
                           "was trained on", param_hint="--lr, --decay")
    if dynamic is not None and temperature != 1:
        raise BadParameter("a model that goes on learning has none: leave it "
                           "out, or leave out --dynamic",
                           param_hint="--temperature")
    if rows is None and dynamic is not None:
        rows = 1  # as a model reads that learns
    model = load_model(model)
    measured = measure(model, text, rows, temperature)
    if dynamic is not None:
        measured["dynamic"] = measure_dynamically(model, text, dynamic, lr,
                                                  decay)
    if as_json:
        print(to_json(measured))
        return
    print(f"perplexity          {measured['perplexity']:.3f}\n"
          f"bits per character  {measured['bits_per_char']:.3f}\n"
          f"<unk>               {measured['unk']:.2%}\n"
          f"left out            {measured['left_out']:.2%} (not in the "
          f"vocabulary)")
    if dynamic is not None:
        learning = measured["dynamic"]
        print(f"while it learns (lr {lr:g}, decay {decay:g}):\n"
              f"perplexity          {learning['perplexity']:.3f}\n"
              f"bits per character  {learning['bits_per_char']:.3f}")


def measure(model, text, num_rows=None, temperature=1.0):
    """Return a dict of a model's loss and other measures on a text.

    The text is read in ``num_rows`` rows, and the temperature divides the
    scores. The loss is in nats per token. A
    token that is not in the vocabulary counts as ``<unk>`` if the vocabulary
    has that entry, and is left out otherwise.
    """
    import d2lrnn as d2l
    from d2lrnn.basics.checks import COUNT, check_number
    if num_rows is not None:
        check_number("rows", num_rows, *COUNT)
    corpus, kept, unk = known_part(model, text)
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


def measure_dynamically(model, text, trained_on, lr, decay):
    """Return a dict of a model's loss on a text while it learns from it.

    ``trained_on`` is the text on which the model was trained.
    """
    import d2lrnn as d2l
    corpus, ids, _ = known_part(model, text)
    _, train_ids, _ = known_part(model, trained_on)
    losses, _ = d2l.evaluate_dynamically(model, ids, train_ids, lr=lr,
                                         decay=decay)
    return {**in_units(losses, corpus), "lr": lr, "decay": decay}


def known_part(model, text):
    """Return a text as a corpus, the ids that a model knows, and ``<unk>``'s.

    Raise ``ValueError`` if there are fewer than two.
    """
    from d2lrnn.data.tokens import UNKNOWN, unit_of

    from d2lrnn_cli.loading import load_text
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
