"""Measure what each means against overfitting brings, on tiny Shakespeare.

``python -m benchmarks.studies.regularisation --folder FOLDER [NAME ...]``
trains one model a step and a seed on the first 81 % of the text and judges by
the 9 % after them. The last tenth is not read: it is for the final model of
``benchmarks.studies.tinyshakespeare``. A training that was stopped goes on
where it was. The last step tries the settings of dynamic evaluation on the
model of another one.
"""
import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn.basics.environment import machine_record

from benchmarks import RECORDS
from benchmarks.studies.trainings import (
    arguments,
    curve,
    dynamic,
    go_on,
    keep,
    static,
)

RESULTS = RECORDS / "regularisation.json"
MODEL = {"embed_size": 128, "num_hiddens": 512, "num_layers": 2,
         "cell": "lstm", "dropout": 0.4}
TRAINING = {"num_epochs": 18, "lr": 4e-3, "schedule": "warmup_cosine",
            "batch_size": 50, "num_steps": 100}
SEEDS = (1,)


class Step:
    """A training: what it changes in another one, and where it is from."""

    def __init__(self, after, source="", model=None, training=None,
                 seeds=SEEDS):
        self.after, self.source, self.seeds = after, source, seeds
        self.changes = model or {}, training or {}

    def settings(self):
        """Return the settings of the model and of its training."""
        if self.after is None:
            return MODEL | self.changes[0], TRAINING | self.changes[1]
        before = STEPS[self.after].settings()
        return tuple(old | new for old, new
                     in zip(before, self.changes, strict=True))


STEPS = {
    "dropout": Step(None, "Zaremba et al. 2014"),
    "no dropout": Step("dropout", model={"dropout": 0.0}),
    "same units in all steps": Step("dropout", "Gal and Ghahramani 2016",
                                    {"variational": True}),
    "weights dropped": Step("dropout", "Merity et al. 2018",
                            {"weight_drop": 0.3}),
    "averages instead of a schedule": Step(
        "dropout", "Polyak and Juditsky 1992",
        training={"schedule": "constant", "lr": 2e-3, "average": 0.999}),
    "more weights dropped": Step("weights dropped",
                                 model={"weight_drop": 0.5}),
    "longer": Step("weights dropped", training={"num_epochs": 44}),
    "wider": Step("weights dropped", model={"num_hiddens": 640,
                                            "dropout": 0.5}),
}
DYNAMIC = [{"lr": lr, "decay": decay} for lr in (5e-5, 1e-4, 2e-4)
           for decay in (0.0, 0.002, 0.005, 0.02)]


def judged_text():
    """Return the first 90 % of the text, of which the last tenth judges."""
    whole = d2l.load_corpus("tinyshakespeare", fallback=False)
    train_ids, _, _ = d2l.split(whole, 0.1)
    return d2l.load_corpus("tinyshakespeare", num_chars=len(train_ids),
                           vocabulary=whole.idx_to_char)


def train(name, seed, folder):
    """Train a step's model, or go on with it, and return its record."""
    corpus = judged_text()
    config, training = STEPS[name].settings()
    model = d2l.CharRNN(corpus.vocab_size, **config)
    history = go_on(model, corpus, folder, **training, seed=seed)
    return {**machine_record(), "seed": seed,
            "computing": computing(model, history),
            "history": curve(history)}


def computing(model, history):
    """Return the products that a training takes, in epochs of ``MODEL``."""
    base = d2l.CharRNN(model.vocab_size, **MODEL)
    weights, unit = (sum(
        np.prod(param.shape) for name, param in either.collect_params().items()
        if name.endswith("weight") and "embedding" not in name)
        for either in (model, base))
    return len(history) * float(weights / unit)


def try_dynamic(path):
    """Return the losses of a model on the text that judges, as it learns."""
    corpus, model = judged_text(), d2l.load_model(path)
    train_ids, judged, _ = d2l.split(corpus, 0.1)
    tried = [{"loss": static(model, judged)}]
    for settings in DYNAMIC:
        tried.append({**settings, "loss": dynamic(model, judged, train_ids,
                                                  **settings)})
        print(tried[-1], flush=True)
    return {**machine_record(), "tried": tried}


def main():
    """Train the steps named, or all, and keep each as soon as it is done."""
    parser = arguments("regularisation", __doc__, STEPS)
    parser.add_argument("--dynamic", metavar="STEP", choices=STEPS,
                        help="try dynamic evaluation on this step's model")
    args = parser.parse_args()
    for name in args.name or ([] if args.dynamic else STEPS):
        for seed in STEPS[name].seeds:
            keep(RESULTS, f"{name}, seed {seed}", train(
                name, seed, args.folder / f"{name}-{seed}"))
    if args.dynamic:
        keep(RESULTS, "dynamic", try_dynamic(
            args.folder / f"{args.dynamic}-1" / "best.safetensors"))


if __name__ == "__main__":
    main()
