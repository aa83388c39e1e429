"""``d2lrnn generate``: write texts with a model."""
import sys
from typing import Annotated

from typer import BadParameter, Option

from d2lrnn_cli.arguments import AsJson, ModelPath, check_given
from d2lrnn_cli.streams import to_json

__all__ = ["generate"]

MOST = 10_000  # texts per call


def generate(
        model: ModelPath,
        prefix: Annotated[str | None, Option(
            metavar="TEXT", show_default="a new line",
            help="Start of each text.")] = None,
        num_chars: Annotated[int, Option(
            metavar="N", help="Characters or words to add.")] = 200,
        temperature: Annotated[float, Option(
            metavar="X", help="0 always takes the likeliest; above 1 is "
            "bolder.")] = 1.0,
        top_k: Annotated[int | None, Option(
            metavar="N", help="Choose among the N likeliest.")] = None,
        top_p: Annotated[float | None, Option(
            metavar="X", help="Choose among the likeliest that together have "
            "the probability X.")] = None,
        seed: Annotated[int | None, Option(
            metavar="N", help="Write the same text each time.")] = None,
        stop: Annotated[str | None, Option(
            metavar="TEXT", help="End a text once it ends with this.")
            ] = None,
        n: Annotated[int, Option(
            "--n", metavar="N", min=1, max=MOST, help="Number of texts.")
            ] = 1,
        as_json: AsJson = False):
    """Continue a prefix with a trained model."""
    from d2lrnn.basics.files import to_text

    from d2lrnn_cli.loading import load_model
    check_options(stop, top_k=top_k, top_p=top_p, seed=seed)
    path, model = model, load_model(model)
    if prefix is None:
        prefix = beginning(model)
    prefix = to_text(prefix)
    choice = {"temperature": temperature, "top_k": top_k, "top_p": top_p,
              "seed": seed, "stop": stop and to_text(stop)}
    if as_json or n > 1:
        lyrics = write_all(model, prefix, num_chars, n, choice)
        print(to_json({"model": to_text(path), "prefix": prefix,
                       "num_chars": num_chars, **choice, "lyrics": lyrics})
              if as_json else "\n\n".join(lyrics))
        return
    for piece in write_one(model, prefix, num_chars, choice):
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def check_options(stop, **numbers):
    """Refuse what cannot be used, before the model is read."""
    if stop == "":
        raise BadParameter("it is empty: leave it out", param_hint="--stop")
    check_given(**numbers)


def beginning(model):
    """Return the default prefix: a newline, if the model knows it.

    Otherwise it is a space, or else the vocabulary's first token.
    """
    from d2lrnn.data.tokens import UNKNOWN, spelled
    from d2lrnn.generation.lyrics import cut_level
    level = cut_level(model)
    known = [spelled(token, level) for token in model.idx_to_char
             if token != UNKNOWN]
    return next((char for char in "\n " if char in known), known[0])


def write_one(model, prefix, num_chars, choice):
    """Yield the prefix, then each new token; check the arguments first."""
    import d2lrnn as d2l
    new = d2l.generate(model, prefix, num_chars, **choice)
    yield prefix
    yield from new


def write_all(model, prefix, num_chars, n, choice):
    """Return a list of ``n`` texts."""
    import d2lrnn as d2l
    steps = list(d2l.generate(model, [prefix] * n, num_chars, **choice))
    return [prefix + "".join(step[i] for step in steps) for i in range(n)]
