"""Generate text with a model, one character after another."""
from d2lrnn.data.tokens import check_prefix
from d2lrnn.generation.book import predict_rnn, predict_rnn_gluon
from d2lrnn.generation.choosing import check_choosing, choose
from d2lrnn.generation.copying import Copied, copied
from d2lrnn.generation.lyrics import (
    generate,
    generate_characters,
    vocabulary_of,
)

__all__ = [
    "Copied",
    "check_choosing",
    "check_prefix",
    "choose",
    "copied",
    "generate",
    "generate_characters",
    "predict_rnn",
    "predict_rnn_gluon",
    "vocabulary_of",
]
