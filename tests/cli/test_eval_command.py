"""d2lrnn eval: what it measures and prints."""
import json
from types import SimpleNamespace

import pytest
from commands import run
from surroundings import TEXT

from d2lrnn_cli.evaluate import known_part

pytestmark = pytest.mark.process


def test_eval(trained):
    folder, _ = trained
    model = "run/best.safetensors"
    table = run("eval", model, "my_text.txt", folder=folder).stdout
    read = json.loads(run("eval", model, "my_text.txt", "--json",
                          folder=folder).stdout)
    assert f"perplexity          {read['perplexity']:.3f}\n" in table
    assert 1 < read["perplexity"] < 40 and read["left_out"] == 0
    assert read["bits_per_char"] == pytest.approx(
        read["loss"] / 0.6931471805599453)
    (folder / "other.txt").write_text("the XY cat", "utf-8")
    read = json.loads(run("eval", model, "other.txt", "--json",
                          folder=folder).stdout)
    assert read["left_out"] == pytest.approx(0.2) and read["unk"] == 0


def test_eval_at_a_temperature(trained):
    folder, _ = trained
    read = json.loads(run("eval", "run", "my_text.txt", "--temperature",
                          "100", "--json", folder=folder).stdout)
    distinct = len(set((folder / "my_text.txt").read_text("utf-8")))
    assert read["perplexity"] == pytest.approx(distinct, rel=0.05)
    done = run("eval", "run", "my_text.txt", "--temperature", "2",
               "--dynamic", "my_text.txt", code=2, folder=folder)
    assert "--dynamic" in done.stderr


def test_eval_while_the_model_learns(trained):
    folder, _ = trained
    read = json.loads(run("eval", "run", "my_text.txt", "--dynamic",
                          "my_text.txt", "--lr", "0.01", "--json",
                          folder=folder).stdout)
    learning = read["dynamic"]
    assert 1 < learning["perplexity"] < read["perplexity"]
    assert learning["lr"] == 0.01 and learning["decay"] == 0.001
    page = run("eval", "run", "my_text.txt", "--dynamic", "my_text.txt",
               "--lr", "0.01", folder=folder).stdout.splitlines()
    assert page[4:] == [
        "while it learns (lr 0.01, decay 0.001):",
        f"perplexity          {learning['perplexity']:.3f}",
        f"bits per character  {learning['bits_per_char']:.3f}"]
    done = run("eval", "run", "my_text.txt", "--lr", "0.01", code=2,
               folder=folder)
    assert "--dynamic" in done.stderr


def test_eval_reads_as_a_model_that_learns_in_one_row(trained):
    folder, _ = trained
    (folder / "long.txt").write_text(TEXT * 12, "utf-8")  # two rows otherwise
    losses = [json.loads(run("eval", "run", "long.txt", *options, "--json",
                             folder=folder).stdout)["loss"]
              for options in (("--dynamic", "my_text.txt"), ("--rows", "1"),
                              ("--rows", "2"), ())]
    assert losses[0] == losses[1] != losses[2] == losses[3]


@pytest.mark.parametrize("options, words", [
    (("--dynamic", "typo.txt"), "there is no text at typo.txt"),
    (("--dynamic", "my_text.txt", "--lr", "-1"), "lr is -1.0: it must be"),
    (("--dynamic", "my_text.txt", "--decay", "-1"), "decay is -1.0: it must"),
    (("--rows", "100000000"), "rows is 100000000: it must be at most 16,777,"),
])
def test_eval_measures_nothing_that_it_must_throw_away(trained, options,
                                                       words):
    done = run("eval", "run", "my_text.txt", *options, code=1,
               folder=trained[0])
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not done.stdout


def test_eval_shows_what_it_has_before_the_model_learns(trained):
    done = run("eval", "run", "my_text.txt", "--dynamic", "my_text.txt",
               "--lr", "1e38", code=1, folder=trained[0])
    assert done.stdout.startswith("perplexity ")
    assert done.stderr.endswith("lower lr or decay\n")


def test_eval_of_a_text_of_which_nothing_is_known(trained):
    folder, _ = trained
    (folder / "greek.txt").write_text("αβγ αβγ", "utf-8")
    done = run("eval", "run/best.safetensors", "greek.txt", code=1,
               folder=folder)
    assert "greek.txt has 1 chars that the model knows" in done.stderr


def test_eval_of_a_model_whose_tokens_no_rule_cuts():
    model = SimpleNamespace(level="token", idx_to_char=["a", "b"])
    with pytest.raises(ValueError, match="no rule cuts a text into: measure"):
        known_part(model, "my_text.txt")
