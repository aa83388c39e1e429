"""A short test on each supported Python but the one that runs nox."""
import sys

import nox

HERE = "{}.{}".format(*sys.version_info[:2])
OTHERS = [python for python in ("3.10", "3.11", "3.12") if python != HERE]


@nox.session(python=OTHERS, venv_backend="venv")
def other_pythons(session):
    """Install the package; test what could differ, and run some lessons."""
    session.install("-e", ".[test]", "pytest-xdist")
    session.run("pytest", "-p", "no:cacheprovider", "-n", "auto",
                "tests/test_mxnet_setup.py", "tests/models/test_scratch.py",
                "tests/speed/test_tracing.py", "tests/data/test_corpus.py",
                "tests/generation/test_predict.py",
                "tests/book/test_chapters.py", "d2lrnn", "-k",
                "not test_it_runs or rnn_gluon or numpy_rnn or jazz")
