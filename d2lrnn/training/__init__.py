"""Train a model: by the book, and the modern way."""
from d2lrnn.basics.measures import mean_norms, perplexity
from d2lrnn.training.book import (
    train_and_predict_rnn,
    train_and_predict_rnn_gluon,
)
from d2lrnn.training.steps import (
    check_training,
    end_epoch,
    grad_clipping,
    make_params,
    print_epoch,
    sgd,
)

__all__ = [
    "check_training",
    "end_epoch",
    "grad_clipping",
    "make_params",
    "mean_norms",
    "perplexity",
    "print_epoch",
    "sgd",
    "train_and_predict_rnn",
    "train_and_predict_rnn_gluon",
]
