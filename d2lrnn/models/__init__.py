"""Language models, from scratch and in Gluon, and their files."""
from d2lrnn.basics.environment import context_of
from d2lrnn.models.book import RNNModel
from d2lrnn.models.cells import (
    CELLS,
    Cell,
    RecurrentLayer,
    fused,
    gru_step,
    ln_lstm_step,
    lstm_memory,
    lstm_step,
    mingru_step,
    minlstm_step,
    rnn_step,
)
from d2lrnn.models.char_rnn import CharRNN, OneHot, check_config

__all__ = [
    "CELLS",
    "Cell",
    "CharRNN",
    "OneHot",
    "RNNModel",
    "RecurrentLayer",
    "check_config",
    "context_of",
    "fused",
    "gru_step",
    "ln_lstm_step",
    "lstm_memory",
    "lstm_step",
    "mingru_step",
    "minlstm_step",
    "rnn_step",
]
