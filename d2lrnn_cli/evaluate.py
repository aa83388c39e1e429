"""``d2lrnn eval``: measure a model."""
import math

from d2lrnn_cli.arguments import AsJson, ModelPath, TextName
from d2lrnn_cli.streams import to_json

__all__ = ["evaluate"]


def evaluate(model: ModelPath, text: TextName, as_json: AsJson = False):
    """Measure a model on a text: perplexity and bits per character."""
    from d2lrnn_cli.loading import load_model
    measured = measure(load_model(model), text)
    if as_json:
        print(to_json(measured))
        return
    print(f"perplexity          {measured['perplexity']:.3f}\n"
          f"bits per character  {measured['bits_per_char']:.3f}\n"
          f"<unk>               {measured['unk']:.2%}\n"
          f"left out            {measured['left_out']:.2%} (not in the "
          f"vocabulary)")


def measure(model, text):
    """Return a dict of a model's loss and other measures on a text.

    The loss is in nats per token. A token that is not in the vocabulary counts
    as ``<unk>`` if the vocabulary has that entry, and is left out otherwise.
    """
    import d2lrnn as d2l
    from d2lrnn.data.tokens import UNKNOWN

    from d2lrnn_cli.loading import load_text
    known = list(model.idx_to_char)
    unk = known.index(UNKNOWN) if UNKNOWN in known else len(known)
    corpus = load_text(text, model.level, vocabulary=known if unk < len(
        known) else [*known, UNKNOWN])
    ids = corpus.corpus_indices
    kept = ids[ids < len(known)]
    if len(kept) < 2:
        raise ValueError(f"{text} has {len(kept)} {model.level}s that the "
                         f"model knows: give a text like the one it was "
                         f"trained on")
    # a long text in rows, each so long that its initial zeros do not matter
    num_rows = max(1, min(32, len(kept) // 10_000))
    losses, targets = d2l.evaluate(model, kept, num_rows)
    loss = float(losses.mean(dtype="float64"))
    chars_per_token = corpus.num_chars / len(ids)
    return {"perplexity": d2l.perplexity(loss), "loss": loss,
            "bits_per_char": loss / math.log(2) / chars_per_token,
            "unk": float((targets == unk).mean()),
            "left_out": 1 - len(kept) / len(ids),
            "units": len(ids), "level": model.level}
