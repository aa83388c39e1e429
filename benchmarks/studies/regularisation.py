"""Measure what each means against overfitting brings, on tiny Shakespeare.

``python -m benchmarks.studies.regularisation --folder FOLDER [NAME ...]``
trains the models of STEPS, with three seeds where that decides. They are half
as wide as the model of ``benchmarks.studies.tinyshakespeare``, which has four
times as many weights, and so is their text shortened: they train on the first
225,400 characters and are judged by the 96,600 after them. The last tenth of
the whole text is not read here: it is for the final model. A training that
was stopped goes on where it was. ``--temperatures NAME`` and ``--dynamic
NAME`` try temperatures, and the settings of dynamic evaluation, on a step's
model as it is after the last epoch.
"""
import statistics

import d2lrnn as d2l  # before mxnet
from d2lrnn.basics.environment import machine_record

from benchmarks import RECORDS, machine, read
from benchmarks.studies.trainings import (
    arguments,
    curve,
    go_on,
    keep,
    line,
    static,
    try_dynamic,
)

RESULTS = RECORDS / "regularisation.json"
NUM_CHARS, HELD_OUT = 322_000, 0.3
MODEL = {"embed_size": 64, "num_hiddens": 256, "num_layers": 2,
         "cell": "lstm", "dropout": 0.4}
TRAINING = {"num_epochs": 18, "lr": 4e-3, "schedule": "warmup_cosine",
            "batch_size": 25, "num_steps": 50, "held_out": HELD_OUT}
SEEDS = (1, 2, 3)


class Step:
    """A training: what it changes in another one, and where it is from."""

    def __init__(self, after, source="", model=None, training=None,
                 seeds=(1,)):
        self.after, self.source, self.seeds = after, source, seeds
        self.changes = model or {}, training or {}

    def settings(self):
        """Return the settings of the model and of its training."""
        if self.after is None:
            return MODEL | self.changes[0], TRAINING | self.changes[1]
        before = STEPS[self.after].settings()
        return tuple(old | new for old, new
                     in zip(before, self.changes, strict=True))

    def words(self):
        """Return what it changes, for a table."""
        changes = [f"`{key}={value!r}`" for kind in self.changes
                   for key, value in kind.items()]
        return ", ".join([self.after, *changes]) if self.after else ""


STEPS = {
    "dropout 0.4": Step(None, "Zaremba et al. 2014", seeds=SEEDS),
    "no dropout": Step("dropout 0.4", model={"dropout": 0.0}),
    "one mask for all steps": Step(
        "dropout 0.4", "Gal and Ghahramani 2016", {"variational": True}),
    "weights dropped": Step("dropout 0.4", "Merity et al. 2018",
                            {"weight_drop": 0.3}),
    "constant rate": Step("dropout 0.4", training={
        "schedule": "constant", "lr": 2e-3}),
    "averages": Step("constant rate", "Polyak and Juditsky 1992",
                     training={"average": 0.99}),
    "half the batch": Step("dropout 0.4", training={"batch_size": 12},
                           seeds=SEEDS),
    "fewer units dropped": Step("half the batch", model={"dropout": 0.2},
                                seeds=SEEDS),
    "and weights dropped": Step("fewer units dropped", "Merity et al. 2018",
                                {"weight_drop": 0.2}, seeds=SEEDS),
    "and more of them": Step("and weights dropped",
                             model={"weight_drop": 0.3}),
    "longer, more dropout": Step("half the batch", "", {"dropout": 0.5},
                                 {"num_epochs": 44}),
}
DYNAMIC = [{"lr": lr, "decay": decay} for lr in (2e-5, 5e-5, 1e-4, 2e-4)
           for decay in (0.0, 0.001, 0.005)]
TEMPERATURES = (1.0, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4)


def text():
    """Return the characters that train and those that judge."""
    whole = d2l.load_corpus("tinyshakespeare", fallback=False)
    return d2l.load_corpus("tinyshakespeare", num_chars=NUM_CHARS,
                           vocabulary=whole.idx_to_char)


def train(name, seed, folder):
    """Train a step's model, or go on with it, and return its record."""
    corpus = text()
    config, training = STEPS[name].settings()
    model = d2l.CharRNN(corpus.vocab_size, **config)
    history = go_on(model, corpus, folder, **training, seed=seed)
    return {**machine_record(), "seed": seed,
            "history": curve(history)}


def measure_temperatures(path):
    """Return the losses of a model on the text that judges, less sure."""
    corpus, model = text(), d2l.load_model(path)
    _, judged, _ = d2l.split(corpus, HELD_OUT)
    tried = [{"temperature": temperature,
              "loss": static(model, judged, temperature)}
             for temperature in TEMPERATURES]
    return {**machine_record(), "tried": tried}


def measure_dynamically(path):
    """Return the losses of a model on the text that judges, as it learns."""
    corpus, model = text(), d2l.load_model(path)
    train_ids, judged, _ = d2l.split(corpus, HELD_OUT)
    return {**machine_record(), "tried": [
        {"loss": static(model, judged)},
        *try_dynamic(model, judged, train_ids, DYNAMIC)]}


def to_markdown(record):
    """Return a table of the steps, and one of what learning on brings."""
    lines = ["| training | what changes | source | epochs | seeds | "
             "training loss | judged |", "|---|---|---|---:|---:|---:|---:|"]
    for name, runs in recorded(record):
        losses = [average([run["history"][-1][key] for run in runs])
                  for key in ("loss", "held_out_loss")]
        lines.append(line(
            name, STEPS[name].words(), STEPS[name].source,
            str(len(runs[0]["history"])), str(len(runs)), *losses))
    if "temperatures" in record:
        tried = record["temperatures"]["tried"]
        lines += ["", line("temperature", *(f"{one['temperature']:g}"
                                            for one in tried)),
                  "|---|" + "---:|" * len(tried),
                  line("judged", *(f"{one['loss']:.4f}" for one in tried))]
    if "dynamic" in record:
        lines += ["", *dynamic_lines(record["dynamic"]["tried"])]
    lines += ["", f"{machine(next(iter(record.values())))}."]
    return "\n".join(lines) + "\n"


def recorded(record):
    """Return the names of the steps that were trained, each with its runs."""
    trained = [(name, [record[key] for seed in step.seeds
                       if (key := f"{name}, seed {seed}") in record])
               for name, step in STEPS.items()]
    return [(name, runs) for name, runs in trained if runs]


def draw(record):
    """Return a figure of the judged losses, with a dot a seed."""
    trained = recorded(record)
    figure = d2l.new_figure((7, 0.6 + 0.3 * len(trained)))
    axes = figure.subplots()
    for name, runs in trained:
        losses = [run["history"][-1]["held_out_loss"] for run in runs]
        axes.plot(losses, [name] * len(losses), "C0o", alpha=0.7)
    axes.invert_yaxis()
    axes.grid(alpha=0.3)
    axes.set(xlabel="judged loss, nats a character")
    return figure


def average(losses):
    """Return the mean of losses, and how far several of them lie apart."""
    words = f"{statistics.mean(losses):.4f}"
    if len(losses) > 1:
        words += f" ± {statistics.stdev(losses):.4f}"
    return words


def dynamic_lines(tried):
    """Return a table of the losses by rate and decay."""
    still, *tried = tried
    decays = sorted({one["decay"] for one in tried})
    lines = [line(f"{still['loss']:.4f} as it is; learning on",
                  *(f"decay {decay:g}" for decay in decays)),
             "|---|" + "---:|" * len(decays)]
    for lr in sorted({one["lr"] for one in tried}):
        losses = [f"{one['loss']:.4f}" for one in tried if one["lr"] == lr]
        lines.append(line(f"lr {lr:g}", *losses))
    return lines


def main():
    """Train the steps named, or all, and keep each as soon as it is done."""
    parser = arguments("regularisation", __doc__, STEPS)
    measures = {"temperatures": measure_temperatures,
                "dynamic": measure_dynamically}
    for name in measures:
        parser.add_argument(f"--{name}", metavar="STEP", choices=STEPS,
                            help="measure this step's model, with seed 1")
    args = parser.parse_args()
    asked = {name: step for name in measures
             if (step := getattr(args, name)) is not None}
    for seed in SEEDS:
        for name in args.name or ([] if asked else STEPS):
            if seed in STEPS[name].seeds:
                keep(RESULTS, f"{name}, seed {seed}", train(
                    name, seed, args.folder / f"{name}-{seed}"))
    for name, step in asked.items():
        keep(RESULTS, name, measures[name](
            args.folder / f"{step}-1" / "last.safetensors"))
    draw(read(RESULTS)).savefig(RESULTS.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main()
