"""Train, generate, eval, inspect: what is done with a model."""
import sys
import time
from inspect import signature
from pathlib import Path

import typer

from d2lrnn_cli.main import app, messages
from d2lrnn_cli.streams import to_json

Option = typer.Option
Model = typer.Argument(..., metavar="MODEL", help="A model's file, such as "
                       "runs/plays/best.safetensors.")
# what is not a setting of the training
OTHERS = ("text", "out", "resume", "ctx")


@app.command()
def train(
        context: typer.Context,
        text: str = typer.Argument(None, metavar="TEXT|NAME", help="The path "
                                   "of a UTF-8 text, or the name of a known "
                                   "one (see d2lrnn data list)."),
        cell: str = Option("lstm", help="rnn, gru, lstm, ln_lstm, mingru or "
                           "minlstm."),
        layers: int = Option(1, help="How many layers."),
        hidden: int = Option(256, help="Hidden units of each layer."),
        embed: int = Option(64, help="The embedding's size; 0: one-hot "
                            "vectors."),
        dropout: float = Option(0.0, help="Between the layers, in training."),
        tie_weights: bool = Option(False, "--tie-weights", help="The scores "
                                   "are products with the embedding."),
        unroll: str = Option("fused", help="fused, static or foreach: who "
                             "loops over the steps."),
        steps: int = Option(50, help="How far back in time a gradient goes."),
        batch: int = Option(32, help="Rows of a mini-batch."),
        epochs: int = Option(10, help="How often the text is read."),
        lr: float = Option(4e-3, help="The learning rate at its highest."),
        schedule: str = Option("one_cycle", help="constant, cosine, "
                               "one_cycle or warmup_cosine."),
        optimizer: str = Option("adam", help="One of Gluon's optimizers."),
        clip: float = Option(1.0, help="The largest norm of a gradient."),
        patience: int = Option(None, help="Stop after so many epochs without "
                               "a better held-out loss."),
        val: float = Option(0.1, help="The part of the text held out."),
        seed: int = Option(1, help="Of the weights, dropout and samples."),
        level: str = Option("char", help="char or word."),
        min_freq: int = Option(1, help="Rarer units become <unk>."),
        prefix: str = Option(None, help="Of the sample after each epoch; the "
                             "text's beginning if not given."),
        ctx: str = Option(None, help="cpu, gpu or gpu(1); the GPU if there "
                          "is one."),
        out: Path = Option(None, help="The run's new folder; runs/... if not "
                           "given."),
        resume: Path = Option(None, metavar="RUN", help="Go on with the "
                              "training in this folder.")):
    """Train a char-RNN on a text; print where its best model is."""
    settings = {name: value for name, value in context.params.items()
                if name not in OTHERS}
    if resume:
        text, settings = what_to_resume(context, resume, text, settings)
    elif not text:
        raise typer.BadParameter("give a TEXT, or the RUN to --resume",
                                 param_hint="TEXT|NAME")
    folder = resume or out or Path(
        "runs", f"{Path(text).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    from d2lrnn_cli import training
    with messages():
        training.run(text, settings, folder, bool(resume), ctx)
    print(folder / "best.safetensors")


def what_to_resume(context, folder, text, settings):
    """Return the text and settings of a run, with those typed now.

    What a run of an older version did not note has its default.
    """
    from d2lrnn_cli.training import find_again, read_command
    options = signature(train).parameters
    noted_text, noted = read_command(
        folder, {name: options[name] for name in settings})
    given = {name: value for name, value in settings.items()
             if context.get_parameter_source(name).name == "COMMANDLINE"}
    return (text or find_again(noted_text or "", folder),
            {**settings, **noted, **given})


@app.command()
def generate(
        model: Path = Model,
        prefix: str = Option(None, help="How each lyric begins; a new line "
                             "if not given."),
        num_chars: int = Option(200, help="Characters, or words, to add."),
        temperature: float = Option(1.0, help="0: always the likeliest; "
                                    "above 1: bolder."),
        top_k: int = Option(None, help="Choose among the k likeliest."),
        top_p: float = Option(None, help="Choose among the likeliest that "
                              "have this probability together."),
        seed: int = Option(None, help="For the same lyric each time."),
        stop: str = Option(None, help="End once a lyric ends with this."),
        n: int = Option(1, help="How many lyrics."),
        as_json: bool = Option(False, "--json", help="For programs.")):
    """Write on from a prefix with a trained model."""
    from d2lrnn_cli import models
    model, path = models.load(model), model
    if prefix is None:
        prefix = models.beginning(model)
    if not 1 <= n <= 10_000:
        raise typer.BadParameter(f"{n} lyrics: give 1 to 10,000",
                                 param_hint="--n")
    choice = {"temperature": temperature, "top_k": top_k, "top_p": top_p,
              "seed": seed, "stop": stop}
    if n > 1 or as_json:
        lyrics = models.write_all(model, prefix, num_chars, n, choice)
        print(to_json({"model": str(path), "prefix": prefix,
                       "num_chars": num_chars, **choice, "lyrics": lyrics})
              if as_json else "\n\n".join(lyrics))
        return
    for piece in models.write_one(model, prefix, num_chars, choice):
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


@app.command("eval")
def evaluate(
        model: Path = Model,
        text: str = typer.Argument(..., metavar="TEXT|NAME"),
        as_json: bool = Option(False, "--json", help="For programs.")):
    """Measure a model on a text: perplexity and bits a character."""
    from d2lrnn_cli import models
    measured = models.evaluate(models.load(model), text)
    if as_json:
        print(to_json(measured))
        return
    print(f"perplexity          {measured['perplexity']:.3f}\n"
          f"bits a character    {measured['bits_per_char']:.3f}\n"
          f"<unk>               {measured['unk']:.2%}\n"
          f"left out            {measured['left_out']:.2%} (not in the "
          f"vocabulary)")


@app.command()
def inspect(model: Path = Model):
    """Show what is in a model's file."""
    from d2lrnn_cli import models
    print(models.description(model))
