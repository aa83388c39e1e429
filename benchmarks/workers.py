"""Trainings of one process, or of workers that add up their gradients.

Their ``sizes`` are those of a ``CharRNN`` of LSTM layers, of its mini-batches,
of which there are ``batches``, and of its training.
"""
import json
import os
import subprocess
import sys
from itertools import islice

from benchmarks import ROOT

TRAINING = {"embed_size": 64, "optimizer": "adam", "lr": 2e-3,
            "clipping_theta": 1.0}


def begin(corpus, sizes, together):
    """Return the step and the losses of a training that has just begun.

    ``step()`` trains on the next mini-batch, of which this worker reads its
    rows, and on the first one after the last. ``losses()`` returns the losses
    since the first one.
    """
    import d2lrnn as d2l
    import numpy as np
    from d2lrnn.training.feeds import shared
    from d2lrnn.training.fit import train_step
    from d2lrnn.training.state import TrainingState, initialize
    from mxnet import cpu, nd
    model = d2l.CharRNN(corpus.vocab_size, sizes["embed_size"],
                        sizes["num_hiddens"], sizes["num_layers"])
    initialize(model, corpus, 1, cpu())
    feed = shared(d2l.Rows(corpus, sizes["batch_size"], sizes["num_steps"],
                           0.1), together)
    batches = [*islice(feed.epoch(np.random.default_rng(1)),
                       sizes["batches"])]
    run = TrainingState(model, sizes["optimizer"], {}, feed.batch_size, cpu(),
                        together=together)

    def step():
        if len(run.losses) == len(batches):
            run.begin_epoch()
        train_step(run, *batches[len(run.losses)], feed.loss,
                   sizes["clipping_theta"], 1, sizes["lr"])
        nd.waitall()

    return step, lambda: [float(l.sum().asscalar()) for l in run.losses]


def in_workers(number, module, *arguments):
    """Run a module in workers of one thread; return what worker 0 prints.

    That is its last line, which is JSON.
    """
    worker = start(command([str(number)], module, *arguments))
    return printed(*worker.communicate(), worker.returncode)


def start(command):
    """Start a process of one thread, whose output is caught."""
    return subprocess.Popen(command, cwd=ROOT, text=True, env=one_thread(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def printed(output, errors, code):
    """Return what the last line of an output holds, which is JSON.

    Raise ``RuntimeError`` if the process has failed.
    """
    if code:
        raise RuntimeError("the workers failed: " + "".join(
            errors.strip().splitlines()[-1:]))
    return json.loads(output.splitlines()[-1])


def command(workers, module, *arguments):
    """Return the command that runs a module in so many workers."""
    return [sys.executable, "-m", "d2lrnn_cli.together", "--workers",
            *workers, "--", sys.executable, "-m", module, *arguments]


def one_thread():
    """Return the environment of a process of one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
