"""A model's card: what it was trained on and how, as a page of Markdown."""
from importlib import resources
from string import Template

from d2lrnn.data.tokens import unit_of
from d2lrnn.models.checkpoint import BEST, LAST, named_params, read
from d2lrnn.report.markdown import marked, rows_of
from d2lrnn.report.records import judged_losses, read_records

__all__ = ["template", "to_card"]

NOT_KNOWN = "not known"
# by the beginning of what a record says of a text
LICENCES = {
    "original_lyrics.txt": "CC0 1.0", "original_sonnets.txt": "CC0 1.0",
    "dinosaur_genera.txt": "CC0 1.0", "tinyshakespeare.txt": "public domain",
    "shakespeare.txt": "public domain",
    **dict.fromkeys(("jaychou_lyrics.txt", "ptb.zip", "ptb.train.txt"),
                    "under copyright")}


def template(name):
    """Return a template of this room, by the name of its file."""
    text = resources.files("d2lrnn.export").joinpath("templates",
                                                     f"{name}.txt")
    return Template(text.read_text("utf-8"))


def to_card(path, model):
    """Return the card of a ``CharRNN`` that was read from ``path``."""
    config = model.config
    unit = "character" if model.level == "char" else unit_of(model.level)
    settings, record, num_epochs = training_of(path)
    name = path.absolute().parent.name if settings else path.stem
    n = config["num_layers"]
    facts = {**text_facts(path, settings), **results(record, num_epochs),
             "vocabulary": f"{config['vocab_size']:,} {unit}s"}
    settings = {name: value for name, value in settings.items()
                if name != "text_sha256"}  # one of the facts
    return template("card").substitute(
        config, unit=unit, name=marked(name),
        layers="one layer" if n == 1 else f"{n} layers",
        num_params=f"{num_params(model):,}",
        facts="\n".join(rows_of(facts.items())),
        settings="\n".join(rows_of({**config, **settings}.items())))


def num_params(model):
    """Return how many numbers a model has learned."""
    return sum(param.data().size for param in named_params(model).values())


def training_of(path):
    """Return ``(settings, record, num_epochs)`` of a model's training.

    ``record`` is that of the model's epoch, or ``{}`` if it was saved within
    one, or if averages of its weights were measured instead. All stand in the
    file itself if that is a last.safetensors, or in the one beside a
    best.safetensors. For any other file they are empty.
    """
    _, metadata = read(path)
    training = metadata.get("training")
    if training is None and path.name == BEST:
        training = training_beside(path, metadata)
        losses = judged_losses(training["history"])
        epoch = losses.index(min(losses)) if losses else 0
    elif training:
        # within an epoch, nothing was measured; else, the averages if any
        is_measured = not (training["losses"]
                           or training["settings"].get("average"))
        epoch = len(training["history"]) - is_measured
    else:
        return {}, {}, 0
    history = dict(enumerate(training["history"]))
    return training["settings"], history.get(epoch, {}), len(history)


def training_beside(path, metadata):
    """Return the training in the last.safetensors beside a model's file.

    It is empty if there is none, or if that file has another model.
    """
    nothing = {"settings": {}, "history": []}
    try:
        _, other = read(path.with_name(LAST))
    except (OSError, ValueError):  # it is not there, or damaged
        return nothing
    is_same = all(metadata[key] == other[key] for key in (
        "class", "model", "idx_to_char", "level"))
    return (other.get("training") if is_same else None) or nothing


def text_facts(path, settings):
    """Return the text and its licence, as the record of the run knows them.

    If another text was held out, the facts name it.
    """
    sha256, source, held_out = settings.get("text_sha256"), None, {}
    try:
        (record,) = read_records([path.parent])
    except (OSError, ValueError):  # it has not finished
        record = None
    if record and sha256 and record["text"]["sha256"] == sha256:
        source, held_out = (record["text"]["source"],
                            record["text"].get("held_out", {}))
    licence = next((f"{words}, if it is the text published as {name}"
                    for name, words in LICENCES.items()
                    if (source or "").startswith(name)), NOT_KNOWN)
    return {"text": source or NOT_KNOWN, "licence of the text": licence,
            **({"sha256 of the text": sha256} if sha256 else {}),
            **({"held-out text": held_out["source"]} if held_out else {})}


def results(record, num_epochs):
    """Return what was measured after the epoch of a record.

    >>> results({"epoch": 2, "perplexity": 3.0}, 5)
    {'perplexity on held-out text': 'not known', 'epochs': '2 of 5'}
    """
    found = {"perplexity on held-out text": NOT_KNOWN}
    if {"held_out_perplexity", "held_out_bits_per_char"} <= record.keys():
        found = {"perplexity on held-out text":
                 f"{record['held_out_perplexity']:.3f}",
                 "bits per character there":
                 f"{record['held_out_bits_per_char']:.3f}"}
    if record:
        found["epochs"] = f"{record['epoch']} of {num_epochs}"
    return found
