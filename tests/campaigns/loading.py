"""Load models' files in a process of its own, one after the other.

It reads a kind and a path a line, and answers each with a line of JSON: the
sentence with which the file was refused, or a sha256 of what was loaded.
``Loader`` is the other end, and notes when there is no answer.
"""
import hashlib
import json
import select
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

PATIENCE = 60  # seconds of the clock for one file, on a busy machine


class Loader:
    """The process, begun anew where it ended."""

    def __init__(self):
        self.process = None

    def ask(self, kind, path):
        """Return ``{"refused": words}``, ``{"loaded": sha256}`` or worse."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, bufsize=1)
        self.process.stdin.write(f"{kind} {path}\n")
        self.process.stdin.flush()
        if select.select([self.process.stdout], [], [], PATIENCE)[0]:
            if line := self.process.stdout.readline():
                return json.loads(line)
            return {"worse": f"it died with {self.close()}"}
        self.close()
        return {"worse": f"no answer in {PATIENCE} seconds"}

    def close(self):
        """End the process; return its exit status."""
        if self.process is None:
            return None
        self.process.kill()
        code = self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None
        return code


def train(folder, resume, save_minutes=10):
    """Train the model of the campaign, or go on with it."""
    import d2lrnn as d2l
    corpus = d2l.load_corpus("the quick brown fox jumps over a lazy dog. " * 9)
    model = d2l.CharRNN(corpus.vocab_size, 3, 4, 1, "gru", 0.2)
    d2l.fit(model, corpus, 2, 0.01, batch_size=4, num_steps=8, folder=folder,
            resume=resume, save_minutes=save_minutes)
    return model


def load(kind, path):
    """Return a sha256 of what is loaded; with "model" it says what the file
    does, in the words of the format's own library.
    """
    import safetensors.numpy
    from d2lrnn import dinosaur
    from d2lrnn.models.checkpoint import load_model, named_params
    if kind == "names":
        parameters, ix_to_char, _ = dinosaur.load(path)
        return digest(parameters, list(ix_to_char.values()))
    model = load_model(path)
    weights = {f"model.{name}": param.data().asnumpy()
               for name, param in named_params(model).items()}
    expected = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "numpy") as file:
        says = json.loads(file.metadata()["content"])
    assert {**model.config, **says["model"]} == model.config
    assert (says["class"], says["idx_to_char"], says["level"]) == (
        type(model).__name__, model.idx_to_char, model.level)
    for name, array in weights.items():
        assert (array == expected[name]).all(), name
    if kind == "training":
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(path, Path(folder, "last.safetensors"))
            with redirect_stdout(StringIO()):
                again = train(folder, True)
        weights |= {name: param.data().asnumpy()
                    for name, param in named_params(again).items()}
    return digest(weights, [model.config, model.idx_to_char, model.level])


def digest(arrays, values):
    sha256 = hashlib.sha256(json.dumps(values).encode())
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name}{array.dtype}{array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()


def answer(kind, path):
    """Return what became of a file."""
    try:
        return {"loaded": load(kind, path)}
    except FloatingPointError as error:
        # of a loss in the file that says that its training has diverged
        words = str(error)
        if "\n" not in words and words.startswith("the loss is "):
            return {"diverged": words}
        return {"worse": f"FloatingPointError: {words[:300]!r}"}
    except (ValueError, FileNotFoundError) as error:
        words = str(error)
        if type(error) in (ValueError, FileNotFoundError) and (
                "\n" not in words and ".safetensors" in words
                and len(words) < 600):
            return {"refused": words}
        return {"worse": f"{type(error).__name__}: {words[:300]!r}"}
    except BaseException as error:
        return {"worse": f"{type(error).__name__}: {str(error)[:300]!r}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(*line.strip().split(" ", 1))), flush=True)
