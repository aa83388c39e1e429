"""A training that was stopped goes on to the same bits."""
import copy
import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn.models.checkpoint import load_model, read, save_model, write
from d2lrnn.training import fit as fitting
from d2lrnn.training.runs import stop_requests
from d2lrnn.training.schedules import cosine, one_cycle
from power_cut import PowerCutError, power_cut

TEXT = "the quick brown fox jumps over the lazy dog. " * 30
CHILD = """if True:
    import json, signal, sys
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores
    from test_resume import train
    train(**json.loads(sys.argv[1]))
    """


@pytest.fixture(autouse=True)
def interruptible():
    """Receive Ctrl-C, even if the tests run in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent),
                            os.environ.get("PYTHONPATH", "")])
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


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The folder of a whole training of a short text, to compare with."""
    folder = tmp_path_factory.mktemp("short")
    train(folder, **SHORT)
    return folder


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


@pytest.mark.process
def test_two_epochs_and_three_in_another_process_are_five(tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    train(stopped, num_epochs=2)
    output = finish(start(stopped, num_epochs=5))
    assert "epoch 3" in output and "epoch 2," not in output
    train(whole, num_epochs=5)
    same_files(stopped, whole)
    record = json.loads((stopped / "record.json").read_text("utf-8"))
    assert record["trainings"]["fit"]["epochs"] == 5


@pytest.mark.process
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


@pytest.mark.process
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
    with pytest.raises(KeyboardInterrupt):
        train(None)


def test_a_signal_that_is_ignored_stays_so():
    """As Ctrl-C is by what a script runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_requests() as stop:
        signal.raise_signal(signal.SIGINT)
    assert not stop and signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def stop_and_go_on(folder, after, **options):
    """Train in two parts, the first one ended after a number of steps."""
    with power_cut(after):
        train(folder, save_minutes=0, **options)
    assert read(folder / "last.safetensors")[1]["training"]["step"] == after
    train(folder, resume=True, **options)


SHORT = {"text": TEXT[:500]}  # 11 steps an epoch


@pytest.mark.process
@pytest.mark.parametrize("name, code", [
    ("SIGTERM", 128 + 15), ("SIGHUP", 128 + 1)])
def test_other_signals_save_too(tmp_path, name, code):
    process = start(tmp_path, num_epochs=500)
    while not process.stdout.readline().startswith("epoch 1"):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(getattr(signal, name))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code and errors == ""
    assert "; to go on, call fit again with " in output.splitlines()[-1]
    assert read(tmp_path / "last.safetensors")[1]["training"]["step"] > 0
    assert not list(tmp_path.glob(".*"))


def test_who_answers_sigterm_still_does(monkeypatch, tmp_path):
    got, step = [], fitting.train_step

    def step_and_terminate(run, *rest):
        step(run, *rest)
        if run.step == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(fitting, "train_step", step_and_terminate)
    before = signal.signal(signal.SIGTERM, lambda *_: got.append(1))
    try:
        assert len(train(tmp_path, **SHORT)) == 2 and got == [1]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("epoch", [1, 2])
def test_ctrl_c_at_an_epochs_end_is_not_forgotten(tmp_path, capsys, epoch):
    def interrupt(model, record):
        if record["epoch"] == epoch:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, **SHORT, on_epoch_end=interrupt)
    assert capsys.readouterr().out.splitlines()[-1].startswith(
        f"stopped after epoch {epoch}; to go on, call fit again with ")
    history = train(tmp_path, **SHORT, resume=True)
    assert [record["epoch"] for record in history] == [1, 2]
    assert (tmp_path / "record.json").exists()


@pytest.mark.process
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_use_is_refused_before_the_first_step(tmp_path, short,
                                                          resume):
    """By a thread and by a process, and what was being trained is whole."""
    stopped, refused = tmp_path / "stopped", []

    def meddle(model, record):
        with pytest.raises(ValueError, match="is in use by another") as caught:
            train(stopped, **SHORT, resume=resume)
        refused.append(str(caught.value))
        process = start(stopped, **{**SHORT, "resume": resume})
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 1 and "epoch" not in output
        refused.append(errors.splitlines()[-1].partition(": ")[2])

    train(stopped, **SHORT, on_epoch_end=meddle)
    assert refused == [f"{stopped} is in use by another training: give "
                       f"another folder, or wait until it has finished"] * 4
    same_files(stopped, short)


def test_a_folder_without_a_checkpoint_is_begun_anew(tmp_path, short):
    with power_cut(after=0):
        train(tmp_path / "deep" / "run", **SHORT)
    assert not list(tmp_path.iterdir()), "a folder for nothing"
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    # as a kill leaves it between the first best and the first last
    for name in ("best.safetensors", ".lock", ".d2lrnn-0.unfinished"):
        (stopped / name).write_bytes(b"torn")
    with pytest.raises(FileNotFoundError, match="or leave out resume=True"):
        train(stopped, **SHORT, resume=True)
    train(stopped, **SHORT)
    same_files(stopped, short)
    assert not list(stopped.glob(".*"))


def test_a_finished_run_without_its_last_is_not_overwritten(tmp_path):
    train(tmp_path, **SHORT)
    (tmp_path / "last.safetensors").unlink()
    with pytest.raises(ValueError, match="already holds a training run"):
        train(tmp_path, **SHORT)


@pytest.mark.parametrize("after", [1, 15])
def test_a_full_disk_costs_what_was_not_saved_yet(tmp_path, monkeypatch,
                                                  short, after):
    stopped = tmp_path / "stopped"
    step, full = fitting.train_step, []

    def step_until_full(run, *rest):
        step(run, *rest)
        if run.step == after:
            full.append(run.step)

    def fsync(fd, really=os.fsync):
        if full:
            raise OSError(28, "No space left on device")
        really(fd)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "train_step", step_until_full)
        patch.setattr("os.fsync", fsync)
        with pytest.raises(OSError, match="No space left on") as caught:
            train(stopped, **SHORT, save_minutes=0)
    sentence = str(caught.value)
    if after == 1:  # nothing had been saved
        assert "to continue" not in sentence and not stopped.exists()
    else:
        assert sentence.endswith(
            f"; what was saved before is intact: to continue it, call "
            f"fit again with folder={str(stopped)!r} and resume=True")
        assert list(stopped.glob(".*")) == []
    train(stopped, **SHORT, resume=stopped.exists())
    same_files(stopped, short)


def test_half_an_epoch_goes_on_in_the_trainings_context(tmp_path,
                                                        monkeypatch):
    contexts, step = [], fitting.train_step

    def spy(run, *rest):
        contexts.extend(a.context for a in run.losses + run.norms)
        step(run, *rest)

    monkeypatch.setattr(fitting, "train_step", spy)
    stop_and_go_on(tmp_path / "stopped", 15, **SHORT, ctx=mx.cpu(1))
    assert len(contexts) > 100 and set(contexts) == {mx.cpu(1)}
    train(tmp_path / "whole", **SHORT, ctx=mx.cpu(1))
    same_files(tmp_path / "stopped", tmp_path / "whole")


class Meter:
    """Something that JSON cannot hold."""


def test_what_is_added_to_a_record_is_kept(tmp_path):
    def add(model, record):
        record.update(acc=np.float32(0.5), n=np.int64(3), ok=np.bool_(True),
                      all=np.arange(3), nd=mx.nd.ones((1, 2)), to={
                          "lyrics": ["é", np.float64(2)]})

    history = train(tmp_path, **SHORT, on_epoch_end=add)
    added = {"acc": 0.5, "n": 3, "ok": True, "all": [0, 1, 2],
             "nd": [[1.0, 1.0]], "to": {"lyrics": ["é", 2.0]}}
    for record in history:
        assert added.items() <= record.items()
        assert type(record["ok"]) is bool and type(record["n"]) is int
    assert train(tmp_path, **SHORT, resume=True) == history


def add_fine(model, record):
    record["fine"] = 1


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    """The folder of a training whose records have something added."""
    folder = tmp_path_factory.mktemp("fine")
    train(folder, **SHORT, on_epoch_end=add_fine)
    return folder


@pytest.mark.parametrize("value", [
    Meter(), {1, 2}, b"bytes", 2j, {"a": [Meter()]}, "half \ud800"], ids=type)
def test_what_json_cannot_hold_is_named_and_costs_no_epoch(tmp_path, fine,
                                                           value):
    def add(model, record):
        record.update(fine=1, meter=value)

    with pytest.raises(ValueError, match=r"^on_epoch_end put 'meter' into the "
                                         r"record, a \w+, which JSON") as e:
        train(tmp_path, **SHORT, on_epoch_end=add)
    assert "\n" not in str(e.value)
    training = read(tmp_path / "last.safetensors")[1]["training"]
    assert [record["fine"] for record in training["history"]] == [1]
    assert "meter" not in training["history"][0]
    train(tmp_path, **SHORT, resume=True, on_epoch_end=add_fine)
    same_files(tmp_path, fine)


def test_an_error_in_on_epoch_end_costs_no_epoch(tmp_path):
    def fail(model, record):
        record["acc"] = np.float32(0.5)
        raise PowerCutError

    with pytest.raises(PowerCutError):
        train(tmp_path, **SHORT, on_epoch_end=fail)
    training = read(tmp_path / "last.safetensors")[1]["training"]
    assert training["step"] == 11 and training["history"][0]["acc"] == 0.5


def test_a_closed_terminal_costs_no_epoch(tmp_path, monkeypatch):
    def closed(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    with monkeypatch.context() as patch:
        patch.setattr("d2lrnn.training.feeds.Rows.line", closed)
        with pytest.raises(BrokenPipeError):
            train(tmp_path, **SHORT)
    assert len(train(tmp_path, **SHORT, resume=True)) == 2


@pytest.mark.parametrize("folder", ["", "caf\udce9", b"run", 3, "a\0b"],
                         ids=ascii)
def test_a_folders_name_is_checked_before_the_first_step(
        tmp_path, monkeypatch, folder, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^folder is "):
        train(folder, **SHORT)
    assert "epoch" not in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_run_within_a_folder_that_is_no_utf_8(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "caf\udce9"])
    place = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(place)
    monkeypatch.chdir(place)
    history = train(".", **SHORT)
    record = json.loads(Path("record.json").read_text("utf-8"))
    assert record["trainings"]["fit"]["epochs"] == len(history) == 2
    assert record["command"] == ["train.py", "caf\udce9"]


def halving(step):
    return 0.02 * 0.5 ** (step // 10)


def slower(step):
    return 0.02 * 0.5 ** (step // 12)


def cosine_of_mine(step):
    return 0.02


slower.__name__, cosine_of_mine.__name__ = "halving", "cosine"


@pytest.mark.parametrize("schedule, other, words", [
    (lambda step: 0.1, lambda step: 0.0001, "gives 0.1 in step 0, but you "
                                            "are resuming with one that gives "
                                            "0.0001: give the original"),
    (lambda step: 0.1 if step < 9 else 0.05, lambda step: 0.1,
     "gives 0.05 in step 16"),
    (mx.lr_scheduler.FactorScheduler(5, base_lr=0.1, factor=0.5),
     mx.lr_scheduler.FactorScheduler(5, base_lr=0.1, factor=0.25),
     "gives 0.05 in step 8"),
    (partial(one_cycle, peak=0.5), partial(one_cycle, peak=0.4), "in step 1"),
    (cosine_of_mine, "cosine", "a function as schedule, but you are resuming "
                               "with 'cosine': give"),
    ("cosine", halving,
     "schedule 'cosine', but you are resuming with 'halving'"),
])
def test_another_schedule_is_refused(tmp_path, schedule, other, words):
    train(tmp_path, **SHORT, schedule=copy.deepcopy(schedule))
    with pytest.raises(ValueError, match="was trained with") as caught:
        train(tmp_path, **SHORT, schedule=other, resume=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    train(tmp_path, **SHORT, schedule=schedule, resume=True)


def test_a_function_goes_on_for_more_epochs(tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    train(stopped, **SHORT, schedule=halving)
    options = {**SHORT, "schedule": halving, "num_epochs": 3}
    train(stopped, **options, resume=True)
    train(whole, **options)
    same_files(stopped, whole)


def test_a_function_of_an_older_checkpoint_has_no_rates(tmp_path):
    train(tmp_path, **SHORT, schedule=halving)
    path = tmp_path / "last.safetensors"
    arrays, metadata = read(path)
    del metadata["training"]["settings"]["rates"]
    write(path, arrays, metadata)
    assert len(train(tmp_path, **SHORT, schedule=halving, resume=True)) == 2


def test_a_schedule_is_the_same_by_name_and_as_function(tmp_path):
    history = train(tmp_path, **SHORT, schedule="cosine")
    assert train(tmp_path, **SHORT, schedule=cosine, resume=True) == history


@pytest.mark.parametrize("optimizer, params", [
    ("sgd", {"momentum": 0.9}), ("nag", {"momentum": 0.9}), ("nadam", {}),
    ("adam", {"wd": 0.01}), ("rmsprop", {}), ("rmsprop", {"centered": True}),
    ("adagrad", {}), ("adadelta", {}), ("ftml", {}),
    ("ftrl", {}), ("lamb", {}), ("dcasgd", {}), ("adamax", {}),
    ("signum", {}), ("sgld", {}), ("lars", {"momentum": 0.9}), ("sgd", {})])
def test_every_optimizer_goes_on(tmp_path, optimizer, params):
    options = {**SHORT, "optimizer": optimizer, "optimizer_params": params,
               "config": {"num_layers": 1}}
    stop_and_go_on(tmp_path / "stopped", 15, **options)
    train(tmp_path / "whole", **options)
    same_files(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("after", [1, 11, 12])
def test_dropped_weights_and_averages_go_on(tmp_path, after):
    options = {**SHORT, "average": 0.8, "config": {
        "weight_drop": 0.4, "variational": True}}
    train(tmp_path / "whole", **options)
    stop_and_go_on(tmp_path / "stopped", after, **options)
    same_files(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("after", [1, 10, 11, 12, 21])
def test_every_moment_will_do(tmp_path, short, after):
    stop_and_go_on(tmp_path, after, **SHORT)
    same_files(tmp_path, short)


@pytest.mark.parametrize("config", [
    {"cell": cell, "unroll": unroll}
    for cell, unroll in [("rnn", "fused"), ("gru", "foreach"),
                         ("lstm", "static"), ("ln_lstm", "static"),
                         ("mingru", "foreach"), ("minlstm", "fused")]
] + [{"embed_size": None}, {"embed_size": 10, "tie_weights": True}])
def test_every_model_goes_on(tmp_path, config, ctx):
    stop_and_go_on(tmp_path / "stopped", 15, **SHORT, ctx=ctx,
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
    ({"batch_size": 5},
     "batch_size 4, but you are resuming with 5: give the original"),
    ({"num_steps": 9}, "num_steps 10"), ({"lr": 0.03}, "lr 0.02"),
    ({"seed": 4}, "seed 3"), ({"held_out": 0.2}, "held_out 0.1"),
    ({"optimizer": "sgd"}, "optimizer 'adam'"),
    ({"optimizer_params": {"beta1": 0.5}}, "optimizer_params {}"),
    ({"clipping_theta": None}, "clipping_theta 1.0"),
    ({"schedule": "cosine"}, "schedule 'constant'"),
    ({"config": {"num_hiddens": 11}}, "num_hiddens 10"),
    ({"config": {"dropout": 0.2}}, "dropout 0.3"),
    ({"config": {"weight_drop": 0.2}}, "weight_drop 0.0"),
    ({"config": {"variational": True}}, "variational False"),
    ({"average": 0.9}, "average None"),
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
    ({"level": "word"}, "trained with level 'char', but you are resuming with"
                        " 'word': give the original"),
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
    with pytest.raises(ValueError, match="with num_epochs 2, but you are "
                                         "resuming with 3"):
        train(tmp_path, **SHORT, schedule="one_cycle", num_epochs=3,
              resume=True)


def test_a_training_is_not_overwritten(trained):
    with pytest.raises(ValueError, match=r"already holds a training run: "
                                         r"give another folder, or resume="):
        train(trained, **SHORT)


def test_there_is_nothing_to_resume(tmp_path, trained):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*none"):
        train(tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at"):
        train(tmp_path, resume=True)
    model = load_model(trained / "best.safetensors")
    save_model(tmp_path / "last.safetensors", model)
    with pytest.raises(ValueError, match="holds only a model") as caught:
        train(tmp_path, resume=True)
    assert str(tmp_path / "last.safetensors") in str(caught.value)
    (tmp_path / "last.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        train(tmp_path, resume=True)
