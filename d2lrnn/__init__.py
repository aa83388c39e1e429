"""d2lrnn: recurrent language models to read, run and learn from."""
from d2lrnn import mxnet_setup  # noqa: F401 # isort: skip # before mxnet

from importlib.metadata import version

# `import x as x`, not in __all__: only for the lessons, also those of 0.1.0
from d2lrnn.basics.environment import epochs, seed, try_gpu
from d2lrnn.basics.errors import D2LRNNWarning, SettingError
from d2lrnn.basics.figures import new_figure, show
from d2lrnn.basics.measures import perplexity, unigram_perplexity
from d2lrnn.basics.progress import EpochBar
from d2lrnn.data.corpus import (
    Corpus,
    load_corpus,
    load_data_jay_lyrics,
    split,
)
from d2lrnn.data.ngrams import ngram_perplexity, ngram_probabilities
from d2lrnn.data.ptb import load_ptb
from d2lrnn.data.samplers import (
    data_iter_consecutive,
    data_iter_random,
    ptb_iterator,
)
from d2lrnn.data.tokens import check_prefix, tokenize
from d2lrnn.data.tokens import spelled as spelled
from d2lrnn.exercises import check
from d2lrnn.export import export
from d2lrnn.generation.book import predict_rnn, predict_rnn_gluon
from d2lrnn.generation.choosing import allowed_scores as allowed_scores
from d2lrnn.generation.choosing import choose
from d2lrnn.generation.choosing import kept_ids as kept_ids
from d2lrnn.generation.copying import Copied, copied
from d2lrnn.generation.lyrics import generate, generate_characters
from d2lrnn.inside import Trace, correlations, saliency, trace
from d2lrnn.models.book import RNNModel
from d2lrnn.models.cells import ln_lstm_step as ln_lstm_step
from d2lrnn.models.cells import lstm_memory as lstm_memory
from d2lrnn.models.cells import lstm_step as lstm_step
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import load_model, save_model
from d2lrnn.models.combinators import (
    bi,
    deep,
    get_bi_params,
    get_deep_params,
    init_bi_state,
    init_deep_state,
)
from d2lrnn.models.lesson_models import DJModel, WindowLSTM
from d2lrnn.models.scratch import (
    get_gru_params,
    get_lstm_params,
    get_mingru_params,
    get_minlstm_params,
    get_params,
    gru,
    init_gru_state,
    init_lstm_state,
    init_mingru_state,
    init_minlstm_state,
    init_rnn_state,
    lstm,
    mingru,
    minlstm,
    rnn,
    to_onehot,
)
from d2lrnn.report.write import plot_perplexity, write_report
from d2lrnn.speed.tracing import Traced
from d2lrnn.training.book import (
    train_and_predict_rnn,
    train_and_predict_rnn_gluon,
)
from d2lrnn.training.dynamic import evaluate_dynamically
from d2lrnn.training.dynamic import learning_losses as learning_losses
from d2lrnn.training.evaluation import evaluate
from d2lrnn.training.feeds import Feed, Rows, Windows
from d2lrnn.training.fit import fit, fit_feed
from d2lrnn.training.steps import check_training as check_training
from d2lrnn.training.steps import end_epoch as end_epoch
from d2lrnn.training.steps import grad_clipping, sgd
from d2lrnn.training.steps import make_params as make_params
from d2lrnn.training.steps import print_epoch as print_epoch
from d2lrnn.training.together import Alone, Workers
from d2lrnn.training.together import portion as portion

__version__ = version("d2lrnn")
__all__ = [
    "Alone",
    "CharRNN",
    "Copied",
    "Corpus",
    "D2LRNNWarning",
    "DJModel",
    "EpochBar",
    "Feed",
    "RNNModel",
    "Rows",
    "SettingError",
    "Trace",
    "Traced",
    "WindowLSTM",
    "Windows",
    "Workers",
    "bi",
    "check",
    "check_prefix",
    "choose",
    "copied",
    "correlations",
    "data_iter_consecutive",
    "data_iter_random",
    "deep",
    "epochs",
    "evaluate",
    "evaluate_dynamically",
    "export",
    "fit",
    "fit_feed",
    "generate",
    "generate_characters",
    "get_bi_params",
    "get_deep_params",
    "get_gru_params",
    "get_lstm_params",
    "get_mingru_params",
    "get_minlstm_params",
    "get_params",
    "grad_clipping",
    "gru",
    "init_bi_state",
    "init_deep_state",
    "init_gru_state",
    "init_lstm_state",
    "init_mingru_state",
    "init_minlstm_state",
    "init_rnn_state",
    "load_corpus",
    "load_data_jay_lyrics",
    "load_model",
    "load_ptb",
    "lstm",
    "mingru",
    "minlstm",
    "new_figure",
    "ngram_perplexity",
    "ngram_probabilities",
    "perplexity",
    "plot_perplexity",
    "predict_rnn",
    "predict_rnn_gluon",
    "ptb_iterator",
    "rnn",
    "saliency",
    "save_model",
    "seed",
    "sgd",
    "show",
    "split",
    "to_onehot",
    "tokenize",
    "trace",
    "train_and_predict_rnn",
    "train_and_predict_rnn_gluon",
    "try_gpu",
    "unigram_perplexity",
    "write_report",
]

Epochs = EpochBar  # its older name
