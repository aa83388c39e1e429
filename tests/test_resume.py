"""A training that was stopped goes on to the same bits."""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import fitting
from d2lrnn.checkpoint import load_model, read, save_model

TEXT = "the quick brown fox jumps over the lazy dog. " * 30
CHILD = """if True:
    import json, sys
    from test_resume import train
    train(**json.loads(sys.argv[1]))
    """


def train(folder, text=TEXT, config=None, **options):
    """Train a model with dropout; in this process, or in another one."""
    corpus = d2l.load_corpus(text)
    model = d2l.CharRNN(corpus.vocab_size, **{
        "embed_size": 6, "num_hiddens": 10, "num_layers": 2, "dropout": 0.3,
        **(config or {})})
    return d2l.fit(model, corpus, folder=folder, **{
        "num_epochs": 2, "lr": 0.02, "batch_size": 4, "num_steps": 10,
        "seed": 3, "patience": None, **options})


def start(folder, **options):
    """Begin or go on with a training in another process."""
    resume = (folder / "last.safetensors").exists()
    arguments = {"folder": str(folder), "resume": resume, **options}
    here = str(Path(__file__).parent)
    path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, json.dumps(arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path})


def finish(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def wait_for_a_save(process, folder):
    """Wait until a training has written a checkpoint that was not there."""
    path = folder / "last.safetensors"
    before = path.stat().st_mtime_ns if path.exists() else None
    for _ in range(12_000):
        if path.exists() and path.stat().st_mtime_ns != before:
            return
        if process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("no checkpoint in two minutes")


def same_files(folder, other):
    """Assert that two trainings have the same bits in all they left."""
    for name in ("best", "last"):
        (arrays, metadata), (more, others) = (
            read(path / f"{name}.safetensors") for path in (folder, other))
        assert set(arrays) == set(more)
        for key, array in arrays.items():
            assert array.dtype == more[key].dtype
            np.testing.assert_array_equal(array, more[key], key)
        for training in (metadata, others):
            for record in training.get("training", {}).get("history", []):
                del record["seconds"]
        assert metadata == others
    assert len(metadata["training"]["history"]) >= 1


def test_two_epochs_and_three_in_another_process_are_five(tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    train(stopped, num_epochs=2)
    output = finish(start(stopped, num_epochs=5))
    assert "epoch 3" in output and "epoch 2," not in output
    train(whole, num_epochs=5)
    same_files(stopped, whole)
    record = json.loads((stopped / "record.json").read_text("utf-8"))
    assert record["trainings"]["fit"]["epochs"] == 5


def test_killed_again_and_again(tmp_path, seed):
    """Every step is saved; the kills come at any moment after the first."""
    delays, steps = random.Random(seed), []
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    options = {"num_epochs": 4, "schedule": "one_cycle"}
    for _ in range(4):
        process = start(stopped, save_minutes=0, **options)
        wait_for_a_save(process, stopped)
        time.sleep(delays.uniform(0, 0.15))
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        training = read(stopped / "last.safetensors")[1]["training"]
        steps.append((training["step"], len(training["losses"])))
    print(steps)
    assert sorted(steps) == steps and steps[0][0] > 0
    assert any(in_epoch > 0 for _, in_epoch in steps)
    finish(start(stopped, save_minutes=0, **options))
    train(whole, **options)
    same_files(stopped, whole)
    assert not list(stopped.glob(".*"))


def test_ctrl_c(tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    options = {"num_epochs": 500, "lr": 0.01}
    process = start(stopped, **options)
    line = process.stdout.readline()
    while not line.startswith("epoch 1"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    # as Python ends after a Ctrl-C that nobody caught: 130 to a shell
    assert process.returncode == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    *_, last = output.splitlines()
    training = read(stopped / "last.safetensors")[1]["training"]
    history, steps = training["history"], len(training["losses"])
    assert last.startswith(
        f"stopped in epoch {len(history) + 1} after its step {steps}; "
        if steps else f"stopped after epoch {len(history)}; ")
    assert last.endswith(f"; to go on, call fit again with folder="
                         f"{str(stopped)!r} and resume=True")
    assert load_model(stopped / "last.safetensors").vocab_size == 28
    options["num_epochs"] = len(history) + 2
    finish(start(stopped, **options))
    train(whole, **options)
    same_files(stopped, whole)


def test_ctrl_c_without_a_folder(monkeypatch, capsys):
    """Also: who asked for Ctrl-C before gets it again afterwards."""
    step, before = fitting.train_step, signal.getsignal(signal.SIGINT)

    def step_and_interrupt(run, *rest):
        step(run, *rest)
        if run.step == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(fitting, "train_step", step_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(None)
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().out.splitlines()[-1] == (
        "stopped in epoch 1 after its step 5; nothing was saved, since fit "
        "was given no folder")


def test_a_second_ctrl_c_is_not_held_back(monkeypatch):
    def interrupt_twice(run, *rest):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(fitting, "train_step", interrupt_twice)
    # a shell lets what runs in the background ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(None)
    finally:
        signal.signal(signal.SIGINT, before)


class PowerCutError(Exception):
    """The machine stops."""


def stop_and_go_on(folder, monkeypatch, after, **options):
    """Train in two parts, the first one ended after a number of steps."""
    step = fitting.train_step

    def step_until_the_cut(run, *rest):
        if run.step == after:
            raise PowerCutError
        step(run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train_step", step_until_the_cut)
        with pytest.raises(PowerCutError):
            train(folder, save_minutes=0, **options)
    assert read(folder / "last.safetensors")[1]["training"]["step"] == after
    train(folder, resume=True, **options)


SHORT = {"text": TEXT[:500]}  # 11 steps an epoch


@pytest.mark.parametrize("optimizer, params", [
    ("sgd", {"momentum": 0.9}), ("nag", {"momentum": 0.9}), ("nadam", {}),
    ("adam", {"wd": 0.01}), ("rmsprop", {}), ("rmsprop", {"centered": True}),
    ("adagrad", {}), ("adadelta", {}), ("ftml", {}),
    ("ftrl", {}), ("lamb", {}), ("dcasgd", {}),
    ("signum", {}), ("sgld", {}), ("lars", {"momentum": 0.9}), ("sgd", {})])
def test_every_optimizer_goes_on(tmp_path, monkeypatch, optimizer, params):
    # but for adamax, which in MXNet divides by 0 where a gradient is 0
    options = {**SHORT, "optimizer": optimizer, "optimizer_params": params,
               "config": {"num_layers": 1}}
    stop_and_go_on(tmp_path / "stopped", monkeypatch, 15, **options)
    train(tmp_path / "whole", **options)
    same_files(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("after", [1, 10, 11, 12, 21])
def test_every_moment_will_do(tmp_path, monkeypatch, after):
    stop_and_go_on(tmp_path / "stopped", monkeypatch, after, **SHORT)
    train(tmp_path / "whole", **SHORT)
    same_files(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("config", [
    {"cell": cell, "unroll": unroll}
    for cell, unroll in [("rnn", "fused"), ("gru", "foreach"),
                         ("lstm", "static"), ("ln_lstm", "static")]
] + [{"embed_size": None}, {"embed_size": 10, "tie_weights": True}])
def test_every_model_goes_on(tmp_path, monkeypatch, config, ctx):
    stop_and_go_on(tmp_path / "stopped", monkeypatch, 15, **SHORT, ctx=ctx,
                   config=config, schedule="one_cycle")
    train(tmp_path / "whole", **SHORT, ctx=ctx, config=config,
          schedule="one_cycle")
    same_files(tmp_path / "stopped", tmp_path / "whole")


def test_a_training_that_is_over(tmp_path, capsys):
    history = train(tmp_path, **SHORT)
    capsys.readouterr()
    assert train(tmp_path, **SHORT, resume=True) == history
    assert "epoch" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(folder, **SHORT)
    return folder


@pytest.mark.parametrize("change, words", [
    ({"batch_size": 5}, "batch_size 4, and is to go on with 5: give what it"),
    ({"num_steps": 9}, "num_steps 10"), ({"lr": 0.03}, "lr 0.02"),
    ({"seed": 4}, "seed 3"), ({"held_out": 0.2}, "held_out 0.1"),
    ({"optimizer": "sgd"}, "optimizer 'adam'"),
    ({"optimizer_params": {"beta1": 0.5}}, "optimizer_params {}"),
    ({"clipping_theta": None}, "clipping_theta 1.0"),
    ({"schedule": "cosine"}, "schedule 'constant'"),
    ({"config": {"num_hiddens": 11}}, "num_hiddens 10"),
    ({"config": {"dropout": 0.2}}, "dropout 0.3"),
    ({"config": {"cell": "gru"}}, "cell 'lstm'"),
    ({"text": TEXT[:499] + "z"}, "text_sha256"),
])
def test_other_settings_are_refused(trained, change, words):
    before = (trained / "last.safetensors").read_bytes()
    with pytest.raises(ValueError, match="was trained with") as caught:
        train(trained, resume=True, **{**SHORT, **change})
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert (trained / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize("change, words", [
    ({"level": "word"}, "trained with level 'char', and is to go on with 'wor"
                        "d': give what it began with"),
    ({"min_freq": 2}, "another vocabulary of this text, and they differ in "
                      "'<unk>': give the min_freq or vocabulary that it"),
    ({"min_freq": 21}, "another vocabulary of this text, and they differ in "),
])
def test_other_tokens_of_the_text_are_refused(tmp_path, change, words):
    """Also where there are as many: z became <unk>."""
    text = "one man, a ham. " * 20 + "z"

    def go(resume, **options):
        corpus = d2l.load_corpus(text, **options)
        model = d2l.CharRNN(corpus.vocab_size, 4, 5, 1)
        return d2l.fit(model, corpus, 1, 0.01, batch_size=2, num_steps=5,
                       folder=tmp_path, resume=resume)

    go(False)
    with pytest.raises(ValueError) as caught:
        go(True, **change)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_schedule_has_its_number_of_epochs(tmp_path):
    train(tmp_path, **SHORT, schedule="one_cycle")
    with pytest.raises(ValueError, match="with num_epochs 2, and is to go "
                                         "on with 3"):
        train(tmp_path, **SHORT, schedule="one_cycle", num_epochs=3,
              resume=True)


def test_a_training_is_not_overwritten(trained):
    with pytest.raises(ValueError, match=r"already holds a training: give "
                                         r"another folder, or resume=True"):
        train(trained, **SHORT)


def test_there_is_nothing_to_resume(tmp_path, trained):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*none"):
        train(tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at"):
        train(tmp_path, resume=True)
    model = load_model(trained / "best.safetensors")
    save_model(tmp_path / "last.safetensors", model)
    with pytest.raises(ValueError, match="holds a model alone") as caught:
        train(tmp_path, resume=True)
    assert str(tmp_path / "last.safetensors") in str(caught.value)
    (tmp_path / "last.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        train(tmp_path, resume=True)
