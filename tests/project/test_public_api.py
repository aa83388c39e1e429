"""The names, their signatures, and the book's own way of using them."""
import ast
import inspect
import re
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import d2lrnn
import pytest

# what the book's code calls, in its order; options of ours come after a star
SIGNATURES = {
    "load_data_jay_lyrics": "",
    "data_iter_random": "corpus_indices batch_size num_steps ctx",
    "data_iter_consecutive": "corpus_indices batch_size num_steps ctx",
    "to_onehot": "X size",
    "get_params": "vocab_size num_hiddens ctx",
    "init_rnn_state": "batch_size num_hiddens ctx",
    "rnn": "inputs state params",
    "get_gru_params": "vocab_size num_hiddens ctx",
    "init_gru_state": "batch_size num_hiddens ctx",
    "gru": "inputs state params",
    "get_lstm_params": "vocab_size num_hiddens ctx",
    "init_lstm_state": "batch_size num_hiddens ctx",
    "lstm": "inputs state params",
    "predict_rnn": "prefix num_chars rnn params init_rnn_state num_hiddens "
                   "vocab_size ctx idx_to_char char_to_idx",
    "grad_clipping": "params theta ctx",
    "sgd": "params lr batch_size",
    "try_gpu": "i",
    "train_and_predict_rnn":
        "rnn get_params init_rnn_state num_hiddens vocab_size ctx "
        "corpus_indices idx_to_char char_to_idx is_random_iter num_epochs "
        "num_steps lr clipping_theta batch_size pred_period pred_len "
        "prefixes",
    "RNNModel": "rnn_layer vocab_size",
    "predict_rnn_gluon": "prefix num_chars model vocab_size ctx idx_to_char "
                         "char_to_idx",
    "train_and_predict_rnn_gluon":
        "model num_hiddens vocab_size ctx corpus_indices idx_to_char "
        "char_to_idx num_epochs num_steps lr clipping_theta batch_size "
        "pred_period pred_len prefixes",
}
# what lessons call and show: reached as d2lrnn.name, but no part of the face
LESSON_HELPERS = {"allowed_scores", "check_training", "end_epoch", "kept_ids",
                  "learning_losses", "ln_lstm_step", "lstm_memory", "portion",
                  "print_epoch", "spelled"}
OLDER_HELPERS = {"lstm_step", "make_params"}  # of the lessons of 0.1.0
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SIGNATURES)
def test_positional_arguments_are_the_books(name):
    parameters = inspect.signature(getattr(d2lrnn, name)).parameters.values()
    positional = [p.name for p in parameters
                  if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == SIGNATURES[name].split()
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY:
            assert p.default is not p.empty


def test_positional_arguments_are_those_of_d2lzh():
    d2lzh = pytest.importorskip("d2lzh", reason="needs d2lzh as an oracle")
    shared = [name for name in SIGNATURES if hasattr(d2lzh, name)]
    assert len(shared) >= 12
    for name in shared:
        theirs = [p.name for p in inspect.signature(
            getattr(d2lzh, name)).parameters.values() if p.name != "kwargs"]
        assert SIGNATURES[name].split()[:len(theirs)] == theirs


def test_all_names_exist_and_are_documented():
    assert len(d2lrnn.__all__) == len(set(d2lrnn.__all__))
    for name in d2lrnn.__all__:
        thing = getattr(d2lrnn, name)
        assert (inspect.getdoc(thing) or "").strip(), f"{name} says nothing"
        assert thing.__module__.startswith("d2lrnn.")


def test_all_imported_names_are_public():
    tree = ast.parse(Path(d2lrnn.__file__).read_text("utf-8"))
    imported = {alias.name for node in tree.body
                if isinstance(node, ast.ImportFrom)
                for alias in node.names} - {"mxnet_setup", "version"}
    helpers = LESSON_HELPERS | OLDER_HELPERS
    assert not helpers & set(d2lrnn.__all__)
    assert imported == helpers | set(d2lrnn.__all__)


def test_lessons_need_their_helpers():
    lessons = "".join(path.read_text("utf-8")
                      for path in (ROOT / "chapters").glob("*.py"))
    for name in LESSON_HELPERS:
        assert re.search(rf"d2l\.{name}\b|^def {name}\(", lessons,
                         re.MULTILINE), f"no lesson calls or shows {name}"


def test_no_file_takes_a_private_name_of_another():
    for folder in ("d2lrnn", "d2lrnn_cli", "benchmarks", "chapters"):
        for path in (ROOT / folder).rglob("*.py"):
            taken = [alias.name for node in ast.walk(ast.parse(
                path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
                and node.module.startswith(("d2lrnn", "benchmarks"))
                for alias in node.names]
            private = {name for name in taken if name.startswith("_")}
            assert not private, f"{path} imports {private}"


@pytest.mark.parametrize("file", [
    "data.corpus", "data.texts", "data.tokens", "generation.book",
    "generation.choosing", "generation.copying", "generation.lyrics",
    "generation.numpy_steps"])
def test_a_file_offers_what_others_take_from_it(file):
    module = import_module(f"d2lrnn.{file}")
    assert all(hasattr(module, name) for name in module.__all__)
    for path in (ROOT / "d2lrnn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (
                    node.module == module.__name__):
                taken = {alias.name for alias in node.names}
                assert taken <= set(module.__all__), path


PAGES = {path.stem: path.read_text("utf-8").split("\n## ")
         for path in (ROOT / "docs" / "api").glob("*.md")
         if path.stem != "index"}
NO_LESSON = {"export"}  # a page that no lesson needs
ROOMS = ("jazz", "shakespeare", "dinosaur", "numpy_rnn")


def entries(text):
    """Return the names that a part of the reference documents."""
    return re.findall(
        r"^\.\. (?:autofunction|autoclass|autoexception|py:data):: (\S+)$",
        text, re.MULTILINE)


def test_the_reference_has_every_public_name_once():
    counts = Counter(name for parts in PAGES.values() for part in parts
                     for name in entries(part))
    assert set(counts.values()) == {1}, counts.most_common(3)
    places = ["d2lrnn", *(f"d2lrnn.{room}" for room in ROOMS)]
    public = {f"{place}.{name}" for place in places
              for name in import_module(place).__all__}
    assert public <= set(counts)
    for name in counts:
        assert resolve_name(name) is not None


def taken_and_shown(lesson):
    """Return what a lesson takes from the package, defines, or asks for."""
    text = (ROOT / "chapters" / f"{lesson}.py").read_text("utf-8")
    tree = ast.parse(text)
    ways = {}  # from a name in the lesson to one of the package
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            start = f"{node.module}." if hasattr(node, "module") else ""
            ways |= {alias.asname or alias.name: start + alias.name
                     for alias in node.names
                     if (start + alias.name).startswith("d2lrnn")}
    names = [*ways.values(), *(
        f"{ways[node.value.id]}.{node.attr}" for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name) and node.value.id in ways)]
    names += [f"{way}.{node.name}" for way in ways.values()
              for node in tree.body
              if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names += ["d2lrnn.check"] * ("`d2l.check(" in text)
    found = []
    for name in names:
        with suppress(AttributeError):  # a lesson has functions of its own
            found.append(resolve_name(name))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_lessons_use_what_the_reference_says(page):
    named = [(lesson, part) for part in PAGES[page] for lesson
             in re.findall(r"\(\.\./chapters/(\w+)\.py\)", part)]
    assert bool(named) == (page not in NO_LESSON)
    for lesson, part in named:
        meant = [resolve_name(name) for name in entries(part)]
        assert any(one is other for one in meant
                   for other in taken_and_shown(lesson)), (
            f"{lesson} uses nothing under {part.splitlines()[0]}")


def test_the_older_name_of_the_bar_of_epochs():
    assert d2lrnn.Epochs is d2lrnn.basics.progress.Epochs is d2lrnn.EpochBar
    assert "Epochs" not in d2lrnn.__all__


def test_the_version_stands_in_the_changelog():
    changelog = ROOT / "CHANGELOG.md"
    assert f"## {d2lrnn.__version__}" in changelog.read_text("utf-8")


BOOK = '''
import d2lrnn as d2lzh
from mxnet import nd
from mxnet.gluon import rnn

(corpus_indices, char_to_idx, idx_to_char,
 vocab_size) = d2lzh.load_data_jay_lyrics()
sample = corpus_indices[:20]
print("".join([idx_to_char[idx] for idx in sample]))
for X, Y in d2lzh.data_iter_random(list(range(30)), batch_size=2,
                                   num_steps=6):
    print("X: ", X, "Y:", Y)
num_inputs, num_hiddens, num_outputs = vocab_size, 8, vocab_size
ctx = d2lzh.try_gpu()

def get_params():
    def _one(shape):
        return nd.random.normal(scale=0.01, shape=shape, ctx=ctx)
    params = [_one((num_inputs, num_hiddens)),
              _one((num_hiddens, num_hiddens)),
              nd.zeros(num_hiddens, ctx=ctx),
              _one((num_hiddens, num_outputs)),
              nd.zeros(num_outputs, ctx=ctx)]
    for param in params:
        param.attach_grad()
    return params

def init_rnn_state(batch_size, num_hiddens, ctx):
    return (nd.zeros(shape=(batch_size, num_hiddens), ctx=ctx), )

X = nd.arange(10).reshape((2, 5))
state = init_rnn_state(X.shape[0], num_hiddens, ctx)
inputs = d2lzh.to_onehot(X.as_in_context(ctx), vocab_size)
params = get_params()
outputs, state_new = d2lzh.rnn(inputs, state, params)
prefixes = ["分开", "不分开"]
for is_random_iter in (True, False):
    d2lzh.train_and_predict_rnn(
        d2lzh.rnn, get_params, init_rnn_state, num_hiddens, vocab_size, ctx,
        corpus_indices, idx_to_char, char_to_idx, is_random_iter, 2, 35, 1e2,
        1e-2, 32, 1, 5, prefixes)
d2lzh.grad_clipping(params, 1e-2, ctx)
d2lzh.sgd(params, 1e2, 1)
model = d2lzh.RNNModel(rnn.RNN(num_hiddens), vocab_size)
model.initialize(force_reinit=True, ctx=ctx)
print(d2lzh.predict_rnn_gluon("分开", 5, model, vocab_size, ctx, idx_to_char,
                              char_to_idx))
d2lzh.train_and_predict_rnn_gluon(
    model, num_hiddens, vocab_size, ctx, corpus_indices, idx_to_char,
    char_to_idx, 2, 35, 1e2, 1e-2, 32, 1, 5, prefixes)
'''


@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")
def test_code_in_the_books_manner_runs(capsys):
    exec(compile(BOOK, "book", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("epoch 1, perplexity") == 3
    assert printed.count(" - 不分开") == 6
