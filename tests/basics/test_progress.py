"""A bar in a terminal, plain lines elsewhere."""
import re
import shlex
import subprocess
import sys

import pytest
from surroundings import in_terminal

CODE = """if True:
    import time
    import d2lrnn as d2l
    epochs = d2l.EpochBar(30)
    for epoch in epochs:
        time.sleep(0.04)
        epochs.note(f"perplexity {100 - epoch:.3f}")
        if epoch == 20:
            print("epoch 21, perplexity 80.000000, time 0.04 sec")
            print(" -", "分开" * 26)
    print("done")
    """


@pytest.mark.process
def test_plain_lines_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True,
                          text=True, check=True)
    assert done.stdout == ("epoch 21, perplexity 80.000000, time 0.04 sec\n"
                           f" - {'分开' * 26}\ndone\n")
    assert done.stderr == ""


@pytest.mark.process
def test_a_bar_with_the_time_left_in_a_terminal():
    shown = in_terminal(shlex.join([sys.executable, "-c", CODE]), 80, ".",
                        PYTHONIOENCODING="utf-8")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"━ +\d+/30 epochs, perplexity \d+\.000 00:0\d left",
                     plain)
    assert "epoch 21, perplexity 80.000000, time 0.04 sec\r\n" in plain
    # the lyric wraps at the terminal's edge and loses nothing
    assert "分开" * 26 in plain.replace("\r\n", "")
    assert plain.endswith("done\r\n")
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", plain))
