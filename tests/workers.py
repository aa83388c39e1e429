"""Train in several processes, or in this one, and keep all that counts.

As a program it is one of the workers: it takes the path of a JSON file with a
list of jobs, and leaves what it got in a file of its own beside it.
"""
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import d2lrnn as d2l
import numpy as np
from d2lrnn import jazz, shakespeare
from d2lrnn.models.checkpoint import named_params
from d2lrnn.training import fit as fitting
from mxnet import nd
from power_cut import power_cut

SENTENCE = "the quick brown fox jumps over the lazy dog. " * 14


def trained(job, together):
    """Train as a job says; return history, first gradients and weights."""
    job = dict(job)
    kind, config = job.pop("kind", "rows"), job.pop("config", {})
    options = {"num_epochs": 2, "seed": 3, "together": together, **job}
    cut, first, clip = options.pop("cut", None), {}, fitting.clip_in_graph

    def keep_first(params, theta):
        if not first:
            first.update({f"{i}": p.grad.asnumpy()
                          for i, p in enumerate(params)})
        return clip(params, theta)

    d2l.seed(3)
    if cut:
        with power_cut(cut):
            KINDS[kind](config, options)
        return {"history": []}
    with patch.object(fitting, "clip_in_graph", keep_first):
        model, history = KINDS[kind](config, options)
    return {"history": [{**r, "seconds": 0} for r in history],
            "first": first, "weights": {
                name: param.data().asnumpy()
                for name, param in named_params(model).items()}}


def rows(config, options):
    """Train a ``CharRNN``; return it and the history."""
    corpus = d2l.load_corpus(options.pop("text", SENTENCE))
    if isinstance(options.get("held_out"), str):
        options["held_out"] = d2l.load_corpus(
            options["held_out"], vocabulary=corpus.idx_to_char)
    model = d2l.CharRNN(corpus.vocab_size, **{
        "embed_size": 6, "num_hiddens": 10, "num_layers": 1, **config})
    return model, d2l.fit(model, corpus, **{
        "lr": 0.02, "batch_size": 6, "num_steps": 10, **options})


def windows(config, options):
    """Train a writer of poems, whose last mini-batch has fewer windows."""
    corpus = d2l.load_corpus(SENTENCE)
    model = d2l.WindowLSTM(corpus.vocab_size, **{
        "Tx": 8, "num_hiddens": 6, **config})
    return model, shakespeare.fit(model, corpus, **{
        "stride": 2, "batch_size": 6, "held_out": 0.1, "on_epoch_end": None,
        **options})


def phrases(config, options):
    """Train an improviser, whose last mini-batch is filled up."""
    music = jazz.load_music_utils(m=25, Tx=6)
    model = jazz.djmodel(6, 8, music.n_values)
    return model, jazz.fit(model, music, batch_size=12, **options)


KINDS = {"rows": rows, "windows": windows, "phrases": phrases}


def together(folder, num_workers, jobs):
    """Run jobs in several workers; return each worker's list of results."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, "-m", "d2lrnn_cli.together", "--workers",
         str(num_workers), "--", sys.executable, __file__, path],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])})
    assert done.returncode == 0, done.stderr
    return [pickle.loads((folder / f"jobs.json.{rank}").read_bytes())
            for rank in range(num_workers)]


def main(path):
    """Do the jobs of a file as one of the workers."""
    workers = d2l.Workers()
    results = []
    for job in json.loads(Path(path).read_text()):
        if job.get("kind") == "talk":
            results.append(talk(workers))
            continue
        only = job.pop("of_worker_1", {})
        try:
            results.append(trained({**job, **(only if workers.rank else {})},
                                   workers))
        except ValueError as error:
            results.append(str(error))
    Path(f"{path}.{workers.rank}").write_bytes(pickle.dumps(results))


def talk(workers):
    """Return what the workers tell one another."""
    rank = workers.rank
    data = [b"", b"odd", b"even", bytes(range(256)) * 300]
    return {
        "rank": rank, "size": workers.size,
        "sum": workers.sum(nd.array([[rank, 1], [0.5, 2]])).asnumpy(),
        "ragged": workers.gather(np.full((rank + 1, 2), rank + 0.5)),
        "one": workers.gather(np.full((0 if rank else 3, 2), 7.0)),
        "bytes": [workers.broadcast(d if rank == 0 else b"no") for d in data],
        "sent": data, "barrier": workers.barrier(),
        "wish": workers.wished_now(lambda: 15 if rank else 0)}


if __name__ == "__main__":
    main(sys.argv[1])
