"""The folder for PyTorch: the same scores and text, without d2lrnn."""
import json
import re
import runpy
import subprocess
import venv
from contextlib import suppress
from importlib import metadata

import d2lrnn as d2l
import numpy as np
import pytest
import safetensors
from d2lrnn.data.tokens import WORDS
from exported import CELLS, HOSTILE, SIZES, compute, draw, in_pieces, make
from exported import save as save_model

torch = pytest.importorskip("torch", reason="pip install -e '.[oracle]'")
NUM_STEPS = 6


def folder_of(model, tmp_path):
    return d2l.export(save_model(model, tmp_path / "m.safetensors"), "torch",
                      tmp_path / "out")


def code_in(folder):
    """Return the names that the folder's model.py defines."""
    return runpy.run_path(str(folder / "model.py"), run_name="model")


def runner(folder):
    """Return the exported model as a function of ids and a state of ours."""
    model, _ = code_in(folder)["load"]()

    def run(ids, state):
        state = torch.from_numpy(np.ascontiguousarray(state))
        if state.shape[0] == 2 * num_layers:
            state = state[::2].contiguous(), state[1::2].contiguous()
        with torch.no_grad():
            scores, state = model(torch.from_numpy(ids), state)
        if isinstance(state, tuple):
            state = torch.stack(state, 1).flatten(0, 1)
        return scores.numpy(), state.numpy()

    num_layers = getattr(model.rnn, "num_layers", None) or len(model.rnn.i2h)
    return run


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_scores_are_the_models(cell, size, seed, tmp_path):
    model = make(cell=cell, **size)
    run = runner(folder_of(model, tmp_path))
    for batch_size in (1, 3):
        ids, state = draw(model, batch_size, NUM_STEPS, seed)
        expected = compute(model, ids, state)
        for length in (NUM_STEPS, 1):
            for one, other in zip(in_pieces(run, ids, state, length),
                                  expected, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_no_state_is_a_state_of_zeros(cell, seed, tmp_path):
    model = make(cell=cell, num_layers=2)
    again, _ = code_in(folder_of(model, tmp_path))["load"]()
    ids, state = draw(model, 3, NUM_STEPS, seed)
    expected, _ = compute(model, ids, 0 * state)
    with torch.no_grad():
        scores, _ = again(torch.from_numpy(ids))
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-5)


def test_the_files(tmp_path):
    model = make(cell="lstm")
    folder = folder_of(model, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "model.py", "model.safetensors", "vocabulary.json"]
    assert json.loads((folder / "vocabulary.json").read_text("utf-8")) == (
        HOSTILE)
    with safetensors.safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert sorted(file.keys()) == [
            "embedding.weight", "output.bias", "output.weight",
            "rnn.bias_hh_l0", "rnn.bias_ih_l0", "rnn.weight_hh_l0",
            "rnn.weight_ih_l0"]
    assert [path.name for path in tmp_path.iterdir()
            if path.name.startswith(".")] == []


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_code_has_what_the_model_needs_and_no_more(cell, size, tmp_path):
    folder = folder_of(make(cell=cell, **size), tmp_path)
    code = (folder / "model.py").read_text("utf-8")
    assert max(map(len, code.splitlines())) <= 79
    assert not re.search(r"[$]|\n\n\n\n|[^\x00-\x7f]| $", code, re.MULTILINE)
    assert "import re\n" not in code and "WORDS" not in code
    classes = re.findall(r"^class (\w+)", code, re.MULTILINE)
    own = {"ln_lstm": ["LayerNormLSTM"], "mingru": ["MinGRU"],
           "minlstm": ["MinLSTM"]}.get(cell, [])
    assert classes == [*own, "CharRNN"]
    assert ("nn.Embedding" in code) == ("one_hot" not in code) == (
        size.get("embed_size", 1) is not None)


def text_of(folder, prefix, num_tokens, **options):
    code = code_in(folder)
    return "".join(code["generate"](*code["load"](), prefix, num_tokens,
                                    **options))


@pytest.mark.parametrize("cell", CELLS)
def test_at_temperature_0_it_writes_the_same_text(cell, tmp_path):
    model = make(cell=cell, num_layers=2)
    assert text_of(folder_of(model, tmp_path), "a\n<", 40,
                   temperature=0) == "".join(
        d2l.generate(model, "a\n<", 40, temperature=0))


@pytest.mark.parametrize("level, prefix", [("word", "to be 分开"),
                                           ("token", "to be")])
def test_words_and_tokens(level, prefix, tmp_path):
    model = make(idx_to_char=["to", " ", "be", "分", "开", "to be"])
    model.level = level
    folder = folder_of(model, tmp_path)
    if level == "word":
        assert code_in(folder)["WORDS"].pattern == WORDS.pattern
    assert text_of(folder, prefix, 20, temperature=0) == "".join(
        d2l.generate(model, prefix, 20, temperature=0))


def test_words_between_spaces(tmp_path):
    model = make(idx_to_char=["<eos>", "<unk>", "to", "be", "N", "is"])
    model.level = "split"
    text = text_of(folder_of(model, tmp_path), "to be <unk>\nis", 40,
                   temperature=0)
    assert text == "".join(d2l.generate(model, "to be <unk>\nis", 40,
                                        temperature=0))


def fixed(scores):
    """Return a model of PyTorch whose scores are always these."""
    return lambda ids, state: (torch.tensor(scores).log().expand(
        1, ids.shape[1], -1), state)


def test_how_it_chooses(tmp_path):
    """Shares of 1,000 draws, from four tokens and <unk>."""
    vocabulary, shares = [*"abcd", "<unk>"], [0.4, 0.3, 0.2, 0.1, 5.0]
    model = make(idx_to_char=vocabulary)
    generate = code_in(folder_of(model, tmp_path))["generate"]

    def drawn(**options):
        text = list(generate(fixed(shares), vocabulary, "a", 1000, seed=1,
                             **options))
        return [text.count(token) / 1000 for token in vocabulary]

    for options, expected in (
            ({}, [0.4, 0.3, 0.2, 0.1, 0]),
            ({"temperature": 0}, [1, 0, 0, 0, 0]),
            ({"temperature": 1e-30}, [1, 0, 0, 0, 0]),
            ({"temperature": 0.5}, [16 / 30, 9 / 30, 4 / 30, 1 / 30, 0]),
            ({"top_k": 2}, [4 / 7, 3 / 7, 0, 0, 0]),
            ({"top_k": 99}, [0.4, 0.3, 0.2, 0.1, 0]),
            ({"top_p": 0.65}, [4 / 7, 3 / 7, 0, 0, 0]),
            ({"top_p": 0.75}, [4 / 9, 3 / 9, 2 / 9, 0, 0]),
            ({"top_k": 2, "top_p": 0.5}, [1, 0, 0, 0, 0])):
        np.testing.assert_allclose(drawn(**options), expected, atol=0.06)


def test_a_seed_repeats_a_text(tmp_path):
    folder = folder_of(make(), tmp_path)
    texts = [text_of(folder, "a", 30, seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert text_of(folder, "a", 30) != text_of(folder, "a", 30)


@pytest.mark.parametrize("prefix, words", [
    ("", "the prefix is empty: "), ("xa", r"the vocabulary lacks \['x'\]: ")])
def test_an_unusable_prefix_is_named(prefix, words, tmp_path, monkeypatch,
                                     capsys):
    folder = folder_of(make(), tmp_path)
    with pytest.raises(ValueError, match=words):
        text_of(folder, prefix, 3)
    monkeypatch.setattr("sys.argv", ["model.py", prefix])
    with pytest.raises(SystemExit, match="2"):
        code_in(folder)["main"]()
    printed = capsys.readouterr()
    assert re.search(words, printed.err) and not printed.out


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Make an environment with PyTorch and safetensors; return its Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    site, = folder.glob("lib/python*/site-packages")
    linked, needed = set(), ["torch", "safetensors"]
    while needed:
        name = needed.pop()
        with suppress(metadata.PackageNotFoundError):  # for other systems
            package = metadata.distribution(name)
            needed += [re.match(r"[\w.-]+", line)[0]
                       for line in package.requires or ()
                       if "extra ==" not in line]
            for top in {file.parts[0] for file in package.files} - linked:
                if top not in ("..", "__pycache__"):
                    (site / top).symlink_to(package.locate_file(top))
                linked.add(top)
    return folder / "bin" / "python"


@pytest.mark.process
@pytest.mark.parametrize("cell", ["lstm", "ln_lstm"])
def test_it_writes_where_there_is_no_d2lrnn(alone, cell, tmp_path):
    model = make(cell=cell)
    folder = folder_of(model, tmp_path)

    def run(*arguments):
        return subprocess.run(
            [alone, "-X", "utf8", *arguments], cwd=tmp_path, env={},
            encoding="utf-8", capture_output=True)

    for name in ("d2lrnn", "mxnet", "d2l"):
        assert "ModuleNotFoundError" in run("-c", f"import {name}").stderr
    done = run(folder / "model.py", "a<", "--num-tokens", "30",
               "--temperature", "0")
    assert done.returncode == 0, done.stderr
    text = "".join(d2l.generate(model, "a<", 30, temperature=0))
    assert done.stdout == f"a<{text}\n"
    for option, value in (("top-k", "0"), ("top-p", "0"), ("seed", "-1"),
                          ("temperature", "-1"), ("temperature", "inf")):
        done = run(folder / "model.py", "a<", f"--{option}={value}")
        assert done.returncode == 2 and not done.stdout
        assert f"error: {option.replace('-', '_')} is " in done.stderr
