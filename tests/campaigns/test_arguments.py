"""Every public function, with one or two arguments that cannot be meant."""
import contextlib
import functools
import inspect
import io
import os
import re
import signal
import warnings
from importlib.metadata import version

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn import dinosaur, jazz, numpy_rnn, shakespeare
from d2lrnn.jazz.training_data import default_tune
from d2lrnn.training import feeds, schedules
from mxnet import nd
from mxnet.gluon import rnn as rnn_layers

pytestmark = pytest.mark.campaign
SECONDS = 10  # of one call

HOSTILE = [
    0, -1, 2.5, 1, 3, "8", None, float("nan"), float("inf"), -float("inf"),
    2 ** 31, 10 ** 30, -10 ** 30, 1e300, True, False, 1j, np.int64(3),
    np.int8(-1), np.float32(0.5), np.float64("nan"), np.bool_(True), "",
    "a" * 10_000, "\ud800", "\0", "nowhere/at/all", "gpu(9)", "tpu", "cpu",
    b"bytes", [], [0], [0, 99], ["a"], [[1, 2], [3]], {}, {"a": 0}, (), set(),
    object(), lambda *args: args, iter([1]), range(3),
    np.zeros(0), np.zeros((2, 3), np.int8), np.array("a"), np.array(2.0),
    np.full((2, 2), np.nan), slice(None), Ellipsis, mx.cpu(), mx.gpu(7)]
ARRAYS = [lambda: nd.zeros((2, 3)), lambda: nd.array([1, 2], dtype="int32"),
          lambda: nd.ones((1, 1, 1))]
LIST = "abcabdabcabe" * 10


@functools.cache
def corpus():
    return d2l.load_corpus(LIST)


@functools.cache
def tune():
    return jazz.read_tune(default_tune(), quarters=(0, 32))


@functools.cache
def music():
    return jazz.load_music_utils(m=3, Tx=5, quarters=(0, 32))


def improviser():
    made = jazz.djmodel(5, 4, music().n_values)
    made.initialize()
    return made


def player():
    made = improviser()
    return jazz.music_inference_model(made.lstm_cell, made.densor,
                                      music().n_values, 4, Ty=3)


def short_tune():
    jazz.write_tune("short.mid", tune()[0][0], tune()[1][0])
    return "short.mid"


def saved_names():
    dinosaur.save("n.safetensors", dino()["parameters"],
                  dino()["ix_to_char"])
    return "n.safetensors"


@functools.cache
def file_of(kind):
    """Return a model's bytes; it is written where the try works."""
    d2l.save_model("made.safetensors", kind())
    with open("made.safetensors", "rb") as file:
        data = file.read()
    os.unlink("made.safetensors")
    return data


def model():
    made = d2l.CharRNN(corpus().vocab_size, 3, 4, 1)
    made.initialize(mx.init.Xavier())
    made.idx_to_char = corpus().idx_to_char
    return made


def windows():
    made = d2l.WindowLSTM(corpus().vocab_size, 4, Tx=5)
    made.initialize()
    made.idx_to_char = corpus().idx_to_char
    return made


def book():
    made = d2l.RNNModel(rnn_layers.RNN(4), corpus().vocab_size)
    made.initialize()
    made(nd.zeros((1, 1)), made.begin_state(batch_size=1))
    return made


def parameters():
    return d2l.get_params(corpus().vocab_size, 4)


def gradients():
    made = parameters()
    for param in made:
        param.grad[:] = 1
    return made


def onehots():
    return d2l.to_onehot(nd.zeros((2, 3)), corpus().vocab_size)


def loop(**others):
    c = corpus()
    return {**others, "num_hiddens": 4, "vocab_size": c.vocab_size,
            "ctx": mx.cpu(), "corpus_indices": c.corpus_indices,
            "idx_to_char": c.idx_to_char, "char_to_idx": c.char_to_idx}


NUMBERS = {"num_epochs": 1, "num_steps": 4, "lr": 0.1, "clipping_theta": 1.0,
           "batch_size": 2, "pred_period": 1, "pred_len": 3,
           "prefixes": ["a"]}
HISTORY = [{"epoch": 1, "perplexity": 3.0, "seconds": 0.1, "characters": 9}]
NAMES = ["abel", "cain"]


def dino():
    ix_to_char, char_to_ix = dinosaur.vocabulary(NAMES)
    n = len(char_to_ix)
    np.random.seed(0)
    return {"ix_to_char": ix_to_char, "char_to_ix": char_to_ix,
            "parameters": dinosaur.initialize_parameters(4, n, n), "n": n,
            "X": [None, 1, 2], "Y": [1, 2, 0], "a": np.zeros((4, 1))}


def dino_back():
    d = dino()
    _, cache = dinosaur.rnn_forward(d["X"], d["Y"], d["a"], d["parameters"],
                                    d["n"])
    return {"X": d["X"], "Y": d["Y"], "parameters": d["parameters"],
            "cache": cache}


def dino_gradients():
    found, _ = dinosaur.rnn_backward(**dino_back())
    return found


def numpy_cell(shapes, sequence):
    sizes = {"x": (3, 2, 4), "a0": (5, 2)} if sequence else {
        "xt": (3, 2), "a_prev": (5, 2)}
    return {**{name: np.ones(shape) for name, shape in sizes.items()},
            "parameters": numpy_rnn.random_parameters(shapes, 3, 5, 2)}


def numpy_back(forward, shapes, sequence):
    given = numpy_cell(shapes, sequence)
    if forward is numpy_rnn.lstm_cell_forward:
        given["c_prev"] = np.ones((5, 2))
    return forward(**given)[-1]


def poem(**more):
    return {"model": windows(), "prompt": "ab", "num_chars": 3, "seed": 1,
            **more}


def written(kind):
    with open("a.safetensors", "wb") as file:
        file.write(file_of(kind))
    return "a.safetensors"


def cell_of(step):
    """Return what a step of a cell is given."""
    rows = {"lstm_step": 16, "ln_lstm_step": 16}[step]
    more = {"scales": [nd.ones(4)] * 4, "shifts": [nd.ones(4)] * 4}
    return {"F": nd, "h2h": lambda H: nd.ones((2, rows)),
            **(more if step == "ln_lstm_step" else {}),
            "X": nd.ones((2, rows)), "state": [nd.ones((2, 4))] * 2}


def drawn():
    return {"vocab_size": 5, "num_hiddens": 4, "ctx": None}


def state():
    return {"batch_size": 2, "num_hiddens": 4, "ctx": None}


def sampled(**more):
    return {"corpus_indices": list(range(30)), "batch_size": 2,
            "num_steps": 3, **more}


def run_cell(params, states):
    return {"inputs": onehots(), "state": (nd.zeros((2, 4)),) * states,
            "params": params}


# each public function, and arguments that it can use
CALLS = {
    d2l.CharRNN: lambda: {"vocab_size": 5, "embed_size": 3, "num_hiddens": 4,
                          "num_layers": 1, "cell": "gru", "dropout": 0.1,
                          "unroll": "fused", "tie_weights": False},
    d2l.DJModel: lambda: {"Tx": 3, "n_a": 4, "n_values": 5},
    d2l.WindowLSTM: lambda: {"vocab_size": 5, "num_hiddens": 4,
                             "dropout": 0.1, "Tx": 3},
    d2l.RNNModel: lambda: {"rnn_layer": rnn_layers.RNN(4), "vocab_size": 5},
    d2l.Rows: lambda: {"corpus": corpus(), "batch_size": 2, "num_steps": 3,
                       "held_out": 0.2},
    d2l.Windows: lambda: {"corpus": corpus(), "Tx": 3, "stride": 2,
                          "batch_size": 2, "held_out": 0.2},
    d2l.EpochBar: lambda: {"num_epochs": 2},
    d2l.Traced: lambda: {"function": lambda x: [x], "params": []},
    d2l.allowed_scores: lambda: {"scores": [0.1, 0.2], "banned": [0]},
    d2l.kept_ids: lambda: {"scores": np.log([0.2, 0.8]), "top_k": 2,
                           "weights": np.array([0.2, 0.8]), "top_p": 0.5},
    d2l.bi: lambda: {"cell": d2l.rnn},
    d2l.deep: lambda: {"cell": d2l.rnn, "num_layers": 2},
    d2l.check_prefix: lambda: {"prefix": "ab", "num_chars": 3,
                               "char_to_idx": {"a": 0, "b": 1}},
    d2l.check_training: lambda: {
        "num_epochs": 1, "lr": 0.1, "clipping_theta": None, "pred_period": 1,
        "pred_len": 3, "prefixes": ["a"], "char_to_idx": {"a": 0}},
    d2l.choose: lambda: {"scores": [0.1, 0.2], "temperature": 1.0,
                         "top_k": 2, "top_p": 0.5,
                         "rng": np.random.default_rng(0), "banned": ()},
    d2l.copied: lambda: {"text": "abc", "corpus": LIST},
    d2l.data_iter_consecutive: lambda: sampled(ctx=None, vocab_size=30),
    d2l.data_iter_random: lambda: sampled(ctx=None, vocab_size=30),
    d2l.ptb_iterator: lambda: {"raw_data": list(range(30)), "batch_size": 2,
                               "num_steps": 3},
    d2l.epochs: lambda: {"n": 3},
    d2l.evaluate: lambda: {"model": model(), "batch_size": 2, "num_steps": 4,
                           "corpus_indices": corpus().corpus_indices,
                           "temperature": 1.2},
    d2l.evaluate_dynamically: lambda: {
        "model": model(), "corpus_indices": corpus().corpus_indices,
        "train_indices": corpus().corpus_indices, "lr": 0.1, "decay": 0.1,
        "num_steps": 4},
    d2l.fit: lambda: {"model": d2l.CharRNN(corpus().vocab_size, 3, 4, 1),
                      "corpus": corpus(), "num_epochs": 1, "lr": 0.1,
                      "batch_size": 2, "num_steps": 4, "held_out": 0.2,
                      "optimizer": "adam", "optimizer_params": None,
                      "schedule": "constant", "clipping_theta": 1.0,
                      "patience": None, "average": None, "seed": 1,
                      "ctx": None,
                      "folder": None, "resume": False, "save_minutes": 10,
                      "on_epoch_end": None, "together": d2l.Alone()},
    d2l.fit_feed: lambda: {"model": d2l.CharRNN(corpus().vocab_size, 3, 4, 1),
                           "feed": d2l.Rows(corpus(), 2, 4, 0.2),
                           "num_epochs": 1, "lr": 0.1},
    d2l.generate: lambda: {"model": model(), "prefix": "ab", "num_chars": 3,
                           "temperature": 1.0, "top_k": None, "top_p": None,
                           "seed": 1, "stop": None, "on_unknown": "error"},
    d2l.generate_characters: lambda: {
        "checkpoint": written(model), "num_chars": 3, "prompt": "a",
        "pick_top_chars": 2, "seed": 1},
    d2l.get_params: drawn, d2l.get_gru_params: drawn,
    d2l.get_lstm_params: drawn, d2l.get_mingru_params: drawn,
    d2l.get_minlstm_params: drawn,
    d2l.get_deep_params: lambda: {"get_params": d2l.get_params,
                                  "num_layers": 2},
    d2l.get_bi_params: lambda: {"get_params": d2l.get_params},
    d2l.init_bi_state: lambda: {"init_state": d2l.init_rnn_state},
    d2l.init_deep_state: lambda: {"init_state": d2l.init_rnn_state,
                                  "num_layers": 2},
    d2l.init_rnn_state: state, d2l.init_gru_state: state,
    d2l.init_lstm_state: state, d2l.init_mingru_state: state,
    d2l.init_minlstm_state: state,
    d2l.rnn: lambda: run_cell(parameters(), 1),
    d2l.gru: lambda: run_cell(d2l.get_gru_params(corpus().vocab_size, 4), 1),
    d2l.lstm: lambda: run_cell(d2l.get_lstm_params(corpus().vocab_size, 4),
                               2),
    d2l.mingru: lambda: run_cell(
        d2l.get_mingru_params(corpus().vocab_size, 4), 1),
    d2l.minlstm: lambda: run_cell(
        d2l.get_minlstm_params(corpus().vocab_size, 4), 1),
    d2l.lstm_memory: lambda: {"F": nd, "gates": [nd.ones((2, 4))] * 4,
                              "C": nd.ones((2, 4))},
    d2l.lstm_step: lambda: cell_of("lstm_step"),
    d2l.ln_lstm_step: lambda: cell_of("ln_lstm_step"),
    d2l.grad_clipping: lambda: {"params": gradients(), "theta": 1.0,
                                "ctx": None},
    d2l.sgd: lambda: {"params": gradients(), "lr": 0.1, "batch_size": 2},
    d2l.to_onehot: lambda: {"X": nd.zeros((2, 3)), "size": 5},
    d2l.portion: lambda: {"count": 8, "rank": 0, "size": 2},
    d2l.make_params: lambda: {"get_params": d2l.get_params, "vocab_size": 5,
                              "num_hiddens": 4, "ctx": None},
    d2l.perplexity: lambda: {"loss": 1.5},
    d2l.seed: lambda: {"n": 3},
    d2l.try_gpu: lambda: {"i": 0},
    d2l.show: lambda: {"path": None},
    d2l.split: lambda: {"corpus": corpus(), "held_out": 0.2},
    d2l.tokenize: lambda: {"text": "ab c", "level": "char"},
    d2l.load_corpus: lambda: {"path_or_text": LIST, "num_chars": 50,
                              "newline": " ", "level": "char",
                              "min_freq": 1},
    d2l.export: lambda: {"path": written(model), "to": "torch",
                         "out": None},
    d2l.load_model: lambda: {"path": written(model), "ctx": None},
    d2l.save_model: lambda: {"path": "b.safetensors", "model": model()},
    d2l.new_figure: lambda: {"figsize": (3, 2)},
    d2l.unigram_perplexity: lambda: {"corpus_indices": [0, 1, 2]},
    d2l.correlations: lambda: {"units": np.eye(4), "values": np.arange(4)},
    d2l.trace: lambda: {"model": model(), "text": "ab", "params": None,
                        "vocabulary": corpus().idx_to_char},
    d2l.saliency: lambda: {"model": d2l.rnn, "text": "abba", "position": 2,
                           "params": parameters(),
                           "vocabulary": corpus().idx_to_char},
    d2l.ngram_perplexity: lambda: {
        "corpus_indices": [0, 1, 2], "n": 2, "vocab_size": 3,
        "held_out": [1, 0], "smooth": True},
    d2l.ngram_probabilities: lambda: {
        "corpus_indices": [0, 1, 2], "n": 2, "vocab_size": 3,
        "held_out": [1, 0], "smooth": True},
    d2l.plot_perplexity: lambda: {"histories": {"a": HISTORY},
                                  "corpus": corpus()},
    d2l.predict_rnn: lambda: {
        "prefix": "a", "num_chars": 2, "rnn": d2l.rnn, "params": parameters(),
        "init_rnn_state": d2l.init_rnn_state, "num_hiddens": 4,
        "vocab_size": corpus().vocab_size, "ctx": None,
        "idx_to_char": corpus().idx_to_char,
        "char_to_idx": corpus().char_to_idx},
    d2l.predict_rnn_gluon: lambda: {
        "prefix": "a", "num_chars": 2, "model": book(),
        "vocab_size": corpus().vocab_size, "ctx": None,
        "idx_to_char": corpus().idx_to_char,
        "char_to_idx": corpus().char_to_idx},
    d2l.train_and_predict_rnn: lambda: {
        **loop(rnn=d2l.rnn, get_params=d2l.get_params,
               init_rnn_state=d2l.init_rnn_state),
        "is_random_iter": False, **NUMBERS},
    d2l.train_and_predict_rnn_gluon: lambda: {**loop(model=book()),
                                              **NUMBERS},
    feeds.cut: lambda: {"ids": np.arange(9), "Tx": 3, "stride": 2},
    schedules.constant: lambda: {"step": 1, "num_steps": 9},
    schedules.cosine: lambda: {"step": 1, "num_steps": 9},
    schedules.one_cycle: lambda: {"step": 1, "num_steps": 9, "peak": 0.3},
    schedules.warmup_cosine: lambda: {"step": 1, "num_steps": 9,
                                      "warmup": 0.1},
    dinosaur.initialize_parameters: lambda: {"n_a": 4, "n_x": 5, "n_y": 5},
    dinosaur.vocabulary: lambda: {"names": NAMES},
    dinosaur.read_names: lambda: {"data": "abel\ncain"},
    dinosaur.encode: lambda: {"name": "abel",
                              "char_to_ix": dino()["char_to_ix"]},
    dinosaur.rnn_step_forward: lambda: {
        "parameters": dino()["parameters"], "a_prev": np.zeros((4, 1)),
        "x": np.zeros((dino()["n"], 1))},
    dinosaur.rnn_forward: lambda: {
        "X": [None, 1], "Y": [1, 0], "a0": np.zeros((4, 1)),
        "parameters": dino()["parameters"], "vocab_size": dino()["n"]},
    dinosaur.rnn_backward: dino_back,
    dinosaur.rnn_step_backward: lambda: {
        "dy": np.zeros((dino()["n"], 1)), "gradients": dino_gradients(),
        "parameters": dino()["parameters"], "x": np.zeros((dino()["n"], 1)),
        "a": np.zeros((4, 1)), "a_prev": np.zeros((4, 1))},
    dinosaur.clip: lambda: {"gradients": dino_gradients(), "maxValue": 5},
    dinosaur.update_parameters: lambda: {
        "parameters": dino()["parameters"], "gradients": dino_gradients(),
        "lr": 0.1},
    dinosaur.sample: lambda: {
        "parameters": dino()["parameters"], "seed": 1, "temperature": 1.0,
        "char_to_ix": dino()["char_to_ix"]},
    dinosaur.optimize: lambda: {
        "X": [None, 1], "Y": [1, 0], "a_prev": np.zeros((4, 1)),
        "parameters": dino()["parameters"], "learning_rate": 0.1},
    dinosaur.get_initial_loss: lambda: {"vocab_size": 5, "seq_length": 3},
    dinosaur.load: lambda: {"path": saved_names()},
    dinosaur.load_names: lambda: {"path": None, "fallback": True},
    dinosaur.smooth: lambda: {"loss": 2.0, "cur_loss": 3.0},
    dinosaur.get_sample: lambda: {"sample_ix": [1, 0],
                                  "ix_to_char": {0: "\n", 1: "a"}},
    dinosaur.model: lambda: {
        "data": NAMES, "ix_to_char": dino()["ix_to_char"],
        "char_to_ix": dino()["char_to_ix"], "num_iterations": 2, "n_a": 4,
        "dino_names": 1, "vocab_size": dino()["n"], "losses": None},
    dinosaur.invent: lambda: {
        "parameters": dino()["parameters"], "names": NAMES, "num_names": 1,
        "ix_to_char": dino()["ix_to_char"], "seed": 0, "temperature": 1.0,
        "char_to_ix": dino()["char_to_ix"]},
    dinosaur.plot_loss: lambda: {"losses": [1.0, 2.0], "vocab_size": 5,
                                 "dino_names": 1, "window": 2},
    dinosaur.save: lambda: {"path": "n.safetensors",
                            "parameters": dino()["parameters"],
                            "ix_to_char": dino()["ix_to_char"]},
    numpy_rnn.softmax: lambda: {"x": np.ones((3, 2))},
    numpy_rnn.sigmoid: lambda: {"x": np.ones((3, 2))},
    numpy_rnn.random_parameters: lambda: {"shapes": numpy_rnn.RNN, "n_x": 3,
                                          "n_a": 5, "n_y": 2},
    numpy_rnn.rnn_cell_forward: lambda: numpy_cell(numpy_rnn.RNN, False),
    numpy_rnn.rnn_forward: lambda: numpy_cell(numpy_rnn.RNN, True),
    numpy_rnn.lstm_cell_forward: lambda: {
        **numpy_cell(numpy_rnn.LSTM, False), "c_prev": np.ones((5, 2))},
    numpy_rnn.lstm_forward: lambda: numpy_cell(numpy_rnn.LSTM, True),
    numpy_rnn.rnn_cell_backward: lambda: {
        "da_next": np.ones((5, 2)), "cache": numpy_back(
            numpy_rnn.rnn_cell_forward, numpy_rnn.RNN, False)},
    numpy_rnn.rnn_backward: lambda: {
        "da": np.ones((5, 2, 4)), "caches": numpy_back(
            numpy_rnn.rnn_forward, numpy_rnn.RNN, True)},
    numpy_rnn.lstm_cell_backward: lambda: {
        "da_next": np.ones((5, 2)), "dc_next": np.ones((5, 2)),
        "cache": numpy_back(numpy_rnn.lstm_cell_forward, numpy_rnn.LSTM,
                            False)},
    numpy_rnn.lstm_backward: lambda: {
        "da": np.ones((5, 2, 4)), "caches": numpy_back(
            numpy_rnn.lstm_forward, numpy_rnn.LSTM, True)},
    numpy_rnn.gradient_check: lambda: {
        "f": lambda p: (p["x"] ** 2).sum(), "epsilon": 1e-5,
        "parameters": {"x": np.ones(2)}, "gradients": {"dx": np.ones(2)}},
    shakespeare.build_data: lambda: {"text": LIST, "Tx": 5, "stride": 2},
    shakespeare.vectorization: lambda: {
        "X": ["ab"], "Y": ["b"], "n_x": 2, "char_indices": {"a": 0, "b": 1},
        "Tx": 2},
    shakespeare.sample: lambda: {"preds": [0.5, 0.5], "temperature": 1.0,
                                 "rng": np.random.default_rng(0)},
    shakespeare.write: lambda: poem(temperature=1.0),
    shakespeare.generate_output: lambda: poem(temperature=1.0),
    shakespeare.load_poems: lambda: {"path_or_text": LIST, "fallback": True},
    shakespeare.fit: lambda: {
        "model": d2l.WindowLSTM(corpus().vocab_size, 4, Tx=5),
        "corpus": corpus(), "num_epochs": 1, "lr": 0.1, "stride": 9,
        "batch_size": 4, "held_out": 0.2, "on_epoch_end": None},
    d2l.check: lambda: {"lesson": "rnn_scratch", "exercise": 2,
                        "answer": d2l.rnn},
    d2l.write_report: lambda: {
        "name": "lesson", "histories": {"one": HISTORY},
        "corpus": corpus(), "settings": {"seed": 1}, "folder": "reports"},
    jazz.read_tune: lambda: {"path": default_tune(), "melody": None,
                             "chords": None, "quarters": None},
    jazz.load_music_utils: lambda: {
        "midi": None, "m": 3, "Tx": 5, "melody": None, "chords": None,
        "quarters": (0, 32)},
    jazz.write_tune: lambda: {"path": "t.mid", "melody": tune()[0][0],
                              "chords": tune()[1][0], "tempo": 130},
    jazz.djmodel: lambda: {"Tx": 5, "n_a": 4, "n_values": 6},
    jazz.fit: lambda: {
        "model": improviser(), "music": music(), "num_epochs": 1,
        "batch_size": 2, "seed": 1, "folder": None},
    jazz.Phrases: lambda: {"music": music(), "batch_size": 2},
    jazz.one_hot: lambda: {"ids": [0, 2], "n_values": 3, "ctx": None},
    jazz.music_inference_model: lambda: {
        "lstm_cell": improviser().lstm_cell, "densor": improviser().densor,
        "n_values": music().n_values, "n_a": 4, "Ty": 3},
    jazz.predict_and_sample: lambda: {
        "inference_model": player(), "x_initializer": None,
        "a_initializer": None, "c_initializer": None, "temperature": 0.5,
        "rng": np.random.default_rng(0)},
    jazz.generate_music: lambda: {
        "inference_model": player(), "music": music(), "path": "j.mid",
        "temperature": 0.5, "seed": 1},
    jazz.render: lambda: {"midi": short_tune(), "wav": "t.wav",
                          "sample_rate": 8000},
    jazz.piano_roll: lambda: {"midi": short_tune(), "png": "t.png"},
}
# these are made of what other functions give, or ask the machine
LEFT_OUT = {d2l.Alone, d2l.Copied, d2l.Corpus, d2l.D2LRNNWarning, d2l.Feed,
            d2l.Workers, d2l.SettingError, d2l.Trace, d2l.end_epoch,
            d2l.learning_losses, d2l.print_epoch, d2l.load_data_jay_lyrics,
            d2l.load_ptb, d2l.spelled, jazz.Music, shakespeare.load_pretrained}
CODE = re.compile(r"src/|Traceback|mxnet\.base|\.cc:|0x[0-9a-f]{6}|operand|"
                  r"object is not|has no attribute|'NoneType'|subscriptable")


def too_long(*_):
    raise TimeoutError


def call(function, arguments):
    """Call a function, and take from a generator what it gives."""
    result = function(**arguments)
    if inspect.isgenerator(result):
        for _, _ in zip(result, range(50), strict=False):
            pass


def is_sentence(error):
    """Say whether an error is one line of ours, with a remedy."""
    text = str(error)
    if isinstance(error, TypeError):  # Python's own, for a missing argument
        return "required" in text or "unexpected keyword" in text
    return ("\n" not in text and ": " in text and not CODE.search(text)
            and len(text) < 2000)


@contextlib.contextmanager
def quiet():
    """Let a try print, ask and warn without anybody hearing it."""
    with contextlib.redirect_stdout(io.StringIO()), (
            warnings.catch_warnings()):
        warnings.simplefilter("ignore")
        yield


def attempt(function, arguments):
    """Return what becomes of a call, and the error if it is no sentence."""
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        with quiet():
            call(function, arguments)
        return "answered", None
    except TimeoutError:
        return "late", f"more than {SECONDS} seconds"
    except (ValueError, OSError, FloatingPointError, TypeError) as error:
        if is_sentence(error):
            return "refused", None
        return "other", f"{type(error).__name__}: {error}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "other", f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def hostile(rng):
    """Return a value that few arguments can be."""
    n = int(rng.integers(len(HOSTILE) + len(ARRAYS)))
    return HOSTILE[n] if n < len(HOSTILE) else ARRAYS[n - len(HOSTILE)]()


def test_arguments(campaign, tmp_path, monkeypatch):
    """Calls of public functions, with one or two arguments out of place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("D2LRNN_EPOCHS", raising=False)
    functions = list(CALLS)
    for n in campaign.tries(short=len(functions) * 2, long=20_000):
        function = functions[n % len(functions)]
        with quiet():
            arguments = CALLS[function]()
        names = list(arguments)
        count = min(len(names), int(campaign.rng.integers(1, 3)))
        changed = {str(name): hostile(campaign.rng) for name in
                   campaign.rng.choice(names, count, replace=False)}
        # what a reader's own function raises is the reader's to see
        changed = {name: value for name, value in changed.items()
                   if not (callable(value) and callable(arguments[name]))}
        before = set(os.listdir())
        became, wrong = attempt(function, {**arguments, **changed})
        campaign.became[became] += 1
        left = set(os.listdir()) - before - {"b.safetensors", "n.safetensors",
                                             "short.mid"}
        if wrong or (left and became == "refused"):
            campaign.failed(f"try {n}: {function.__module__}."
                            f"{function.__name__} with {changed!r:.300}: "
                            f"{wrong or f'{left} left behind'}"[:600])


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_the_arguments_of_the_table_can_be_used(function, tmp_path,
                                                monkeypatch):
    monkeypatch.chdir(tmp_path)
    with quiet():
        assert attempt(function, CALLS[function]()) == ("answered", None)


def test_no_public_function_is_forgotten():
    # what the lessons alone call is in no __all__, but tried too
    public = {thing for room in (d2l, jazz) for name, thing
              in vars(room).items() if not name.startswith("_")
              and callable(thing) and thing is not version}
    assert {getattr(room, name) for room in (d2l, jazz)
            for name in room.__all__} <= public
    assert public <= set(CALLS) | LEFT_OUT
