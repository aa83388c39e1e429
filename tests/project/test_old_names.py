"""The old and the new way to every public name: both lead to one object."""
from importlib import import_module

import pytest

# what users of 0.1.0 could take from where, and the file that has it now
HELD = {
    "d2lrnn.models": {
        "basics.environment":
            "context_of",
        "models.book":
            "RNNModel",
        "models.cells":
            "RecurrentLayer fused gru_step ln_lstm_step lstm_memory lstm_step "
            "rnn_step",
        "models.char_rnn":
            "CharRNN OneHot check_config",
    },
    "d2lrnn.training": {
        "basics.measures":
            "mean_norms perplexity",
        "training.book":
            "train_and_predict_rnn train_and_predict_rnn_gluon",
        "training.steps":
            "check_training end_epoch grad_clipping make_params print_epoch "
            "sgd",
    },
    "d2lrnn.generation": {
        "data.tokens":
            "check_prefix",
        "generation.book":
            "predict_rnn predict_rnn_gluon",
        "generation.choosing":
            "choose",
        "generation.lyrics":
            "generate generate_characters vocabulary_of",
    },
    "d2lrnn.report": {
        "basics.environment":
            "cpu_name machine_record",
        "basics.files":
            "writable",
        "basics.measures":
            "unigram_perplexity",
        "report.markdown":
            "to_markdown with_held_out",
        "report.records":
            "read_record summarize write_json",
        "report.write":
            "make_record plot_perplexity print_summary write_pages "
            "write_report",
    },
    "d2lrnn.dinosaur": {
        "dinosaur.checks":
            "unpack",
        "dinosaur.command":
            "main run",
        "dinosaur.data":
            "encode load_names read_names vocabulary",
        "dinosaur.fast_steps":
            "Buffers",
        "dinosaur.files":
            "load save",
        "dinosaur.network":
            "clip get_initial_loss get_sample initialize_parameters invent "
            "model optimize plot_loss print_sample rnn_backward rnn_forward "
            "rnn_step_backward rnn_step_forward sample smooth "
            "update_parameters",
    },
    "d2lrnn.shakespeare": {
        "shakespeare":
            "build_data check_characters check_probabilities check_windows "
            "fit generate_output load_poems load_pretrained on_epoch_end "
            "sample vectorization write write_on",
    },
    "d2lrnn.jazz": {
        "jazz.audio":
            "piano_roll render",
        "jazz.midi":
            "read_tune write_tune",
        "jazz.model":
            "Phrases djmodel fit generate_music music_inference_model one_hot "
            "predict_and_sample",
        "jazz.training_data":
            "Music load_music_utils",
    },
    "d2lrnn.numpy_rnn": {
        "basics.checks":
            "checked",
        "basics.shapes":
            "check_cache check_gradients check_shape takes takes_cache "
            "takes_caches",
        "numpy_rnn":
            "LSTM RNN gradient_check "
            "lstm_backward lstm_cell_backward lstm_cell_forward "
            "lstm_forward random_parameters rnn_backward rnn_cell_backward "
            "rnn_cell_forward rnn_forward sigmoid softmax",
    },
    "d2lrnn": {
        "basics.environment":
            "epochs seed try_gpu",
        "basics.errors":
            "D2LRNNWarning SettingError",
        "basics.figures":
            "new_figure show",
        "basics.measures":
            "perplexity unigram_perplexity",
        "basics.progress":
            "Epochs",
        "data.corpus":
            "Corpus load_corpus load_data_jay_lyrics",
        "data.samplers":
            "data_iter_consecutive data_iter_random ptb_iterator",
        "data.tokens":
            "check_prefix tokenize",
        "generation.book":
            "predict_rnn predict_rnn_gluon",
        "generation.choosing":
            "choose",
        "generation.lyrics":
            "generate generate_characters",
        "models.book":
            "RNNModel",
        "models.cells":
            "ln_lstm_step lstm_memory lstm_step",
        "models.char_rnn":
            "CharRNN",
        "models.checkpoint":
            "load_model save_model",
        "models.combinators":
            "bi deep get_bi_params get_deep_params init_bi_state "
            "init_deep_state",
        "models.lesson_models":
            "DJModel WindowLSTM",
        "models.scratch":
            "get_gru_params get_lstm_params get_params gru init_gru_state "
            "init_lstm_state init_rnn_state lstm rnn to_onehot",
        "report.write":
            "plot_perplexity write_report",
        "speed.tracing":
            "Traced",
        "training.book":
            "train_and_predict_rnn train_and_predict_rnn_gluon",
        "training.evaluation":
            "evaluate",
        "training.feeds":
            "Rows Windows split",
        "training.fit":
            "fit fit_feed",
        "training.steps":
            "check_training end_epoch grad_clipping make_params print_epoch "
            "sgd",
    },
}
WAYS = [(room, name, file) for room, files in HELD.items()
        for file, names in files.items() for name in names.split()]


@pytest.mark.parametrize("room, name, file", WAYS, ids=str)
def test_the_old_way_leads_to_the_new_place(room, name, file):
    old = getattr(import_module(room), name)
    assert old is getattr(import_module(f"d2lrnn.{file}"), name)
