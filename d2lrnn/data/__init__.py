"""Find and read texts, number their tokens, and cut mini-batches."""
from d2lrnn.data.corpus import Corpus, load_corpus, load_data_jay_lyrics
from d2lrnn.data.ptb import load_ptb
from d2lrnn.data.samplers import (
    data_iter_consecutive,
    data_iter_random,
    ptb_iterator,
)
from d2lrnn.data.tokens import check_prefix, tokenize

__all__ = [
    "Corpus",
    "check_prefix",
    "data_iter_consecutive",
    "data_iter_random",
    "load_corpus",
    "load_data_jay_lyrics",
    "load_ptb",
    "ptb_iterator",
    "tokenize",
]
