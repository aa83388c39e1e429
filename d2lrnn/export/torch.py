"""A model as a PyTorch folder, which needs neither d2lrnn nor MXNet."""
import json
import tempfile
from pathlib import Path

import numpy as np
from d2lrnn.basics.files import new_folder
from d2lrnn.basics.tensors import write_tensors
from d2lrnn.data.tokens import EOS, UNKNOWN
from d2lrnn.export.card import template, to_card
from d2lrnn.export.parts import parts_of
from d2lrnn.generation.lyrics import cut_level

__all__ = ["code_of", "weights_of", "write_torch"]

PYTORCHS = {"rnn", "gru", "lstm"}  # all other layers have a template
CLASSES = {"rnn": "nn.RNN", "gru": "nn.GRU", "lstm": "nn.LSTM",
           "ln_lstm": "LayerNormLSTM", "mingru": "MinGRU",
           "minlstm": "MinLSTM"}
NAMES = {"i2h_weight": "rnn.weight_ih_l{}", "h2h_weight": "rnn.weight_hh_l{}",
         "i2h_bias": "rnn.bias_ih_l{}", "h2h_bias": "rnn.bias_hh_l{}"}
OUR_NAMES = {"i2h_weight": "rnn.i2h.{}.weight",
             "h2h_weight": "rnn.h2h.{}.weight",
             "i2h_bias": "rnn.i2h.{}.bias"}


def write_torch(path, model, out):
    """Write a ``CharRNN`` as a new folder: all of its files, or nothing.

    The files are model.py, model.safetensors, vocabulary.json and README.md.
    ``path`` is where the model was read from. Raise ``OSError`` if the folder
    cannot be written.
    """
    parts = parts_of(model)
    texts = {"model.py": code_of(model, parts),
             "vocabulary.json": json.dumps(list(model.idx_to_char),
                                           ensure_ascii=False, indent=0),
             "README.md": to_card(path, model)}
    try:
        with new_folder(out.parent), tempfile.TemporaryDirectory(
                dir=out.parent, prefix=".") as unfinished:
            folder = Path(unfinished, out.name)
            folder.mkdir()
            for name, text in texts.items():
                (folder / name).write_text(text, "utf-8")
            write_tensors(folder / "model.safetensors", weights_of(parts),
                          {"format": "pt"})
            folder.rename(out)
    except OSError as error:
        if not error.strerror:  # a sentence of our own
            raise
        raise OSError(f"{out} cannot be written ({error.strerror or error}): "
                      f"give a new folder in one that can be written to, with"
                      f" space left") from None


def weights_of(parts):
    """Return a model's arrays by the names of PyTorch's parameters.

    The gates of its layers have the same order as ours. Weights that are tied
    stand in the file once, as the embedding's.
    """
    weight, bias = parts.output
    arrays = {"output.bias": bias}
    if not parts.is_tied:
        arrays["output.weight"] = weight
    if parts.embedding is not None:
        arrays["embedding.weight"] = parts.embedding
    names = NAMES if parts.cell in PYTORCHS else OUR_NAMES
    for i, layer in enumerate(parts.layers):
        arrays |= {names[name].format(i): array
                   for name, array in layer.items() if name in names}
    for name in ("gamma", "beta"):
        if name in parts.layers[0]:
            arrays[f"rnn.{name}"] = np.stack([
                layer[name].reshape(-1, parts.num_hiddens)
                for layer in parts.layers])
    return arrays


def code_of(model, parts):
    """Return the file model.py: only what this model needs."""
    layers, end = "", ", batch_first=True"
    if parts.cell not in PYTORCHS:
        layers, end = template(parts.cell).template, ""
    size = (parts.vocab_size if parts.embedding is None
            else parts.embedding.shape[1])
    return template("model").substitute(
        layers=layers, vocab_size=parts.vocab_size,
        num_hiddens=parts.num_hiddens, rnn=f"{CLASSES[parts.cell]}({size}, "
        f"{parts.num_hiddens}, {len(parts.layers)}{end})",
        **ids_in(parts), **tokens_in(model))


def ids_in(parts):
    """Return how the model's code turns ids into vectors, as a dict."""
    tied = {"tie": "", "share": ""}
    if parts.embedding is None:
        return {"embedding": "", **tied, "inputs":
                f"nn.functional.one_hot(ids, {parts.vocab_size}).float()"}
    vocab_size, embed_size = parts.embedding.shape
    if parts.is_tied:
        tied = {"tie": "\n        self.output.weight = self.embedding.weight",
                "share": '\n    weights["output.weight"] = '
                         'weights["embedding.weight"]'}
    return {"embedding": f"\n        self.embedding = nn.Embedding("
                         f"{vocab_size}, {embed_size})",
            "inputs": "self.embedding(ids)", **tied}


def tokens_in(model):
    """Return how the model's code cuts a prefix and writes, as a dict."""
    by_level = {"char": "list(prefix)", "word": "WORDS.findall(prefix)",
                "split": rf'prefix.replace("\n", " {EOS} ").split()',
                "token": "[prefix]"}
    level, written = cut_level(model), "vocabulary[i]"
    if level == "split":
        written = rf'"\n" if {written} == "{EOS}" else f" {{{written}}}"'
    is_cut, banned = level == "word", ""
    if UNKNOWN in model.idx_to_char:
        banned = (f"\n        scores[vocabulary.index({UNKNOWN!r})] = "
                  f"-torch.inf")
    return {"tokens": by_level[level], "unknown": banned,
            "written": written,
            "import_re": "\nimport re" if is_cut else "",
            "words": template("words").template if is_cut else ""}
