"""Recorded runs: fresh, whole, and shown in place of a build's own."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("myst_nb", reason="pip install -e '.[book]'")
import nbformat
import recording

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.book
RECORDED = sorted(recording.RECORDED.glob("*.ipynb"))
recorded = pytest.mark.parametrize(
    "path", RECORDED, ids=[path.stem for path in RECORDED])
SCRIPT = """# %% [markdown]
# # A lesson

# %%
print(6 * 7)
"""


def test_every_lesson_has_a_recorded_run():
    lessons = {path.stem for path in recording.CHAPTERS.glob("*.py")}
    lacking = lessons - {path.stem for path in RECORDED}
    assert not lacking, f"make record LESSONS='{' '.join(sorted(lacking))}'"


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_readmes_show_what_was_recorded(page):
    readme = (ROOT / page).read_text("utf-8")
    (shown,) = re.findall(r"```\n(epoch .*?)```", readme, re.DOTALL)
    run = nbformat.read(recording.RECORDED / "rnn_scratch.ipynb", 4)
    printed = {line for cell in recording.code_cells(run)
               for output in cell.outputs
               for line in output.get("text", "").splitlines()}
    assert set(shown.splitlines()) <= printed


@recorded
def test_a_recorded_run_is_of_the_lesson_as_it_is(path):
    script = (recording.CHAPTERS / f"{path.stem}.py").read_text("utf-8")
    lesson, run = recording.from_script(script), nbformat.read(path, 4)
    assert recording.digest(lesson) == recording.digest(run), (
        f"make record LESSONS={path.stem}")


@recorded
def test_a_recorded_run_is_whole(path):
    run = nbformat.read(path, 4)
    nbformat.validate(run)
    cells = recording.code_cells(run)
    assert [cell.execution_count for cell in cells] == list(
        range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {
        "stream", "display_data", "execute_result"}
    printed = "".join(output.text for output in outputs
                      if output.output_type == "stream")
    assert not re.search(r"(?:/tmp|/home|/root|/work)/", printed)


def test_recorded_runs_are_small():
    assert sum(path.stat().st_size for path in RECORDED) < 5e6


def test_a_lesson_that_is_tried_out_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "RECORDED", tmp_path)
    monkeypatch.setenv("D2LRNN_EPOCHS", "2")
    page = recording.read(SCRIPT)
    assert page.cells[1].source == recording.TRIED_OUT
    assert "mystnb" not in page.metadata
    assert not page.cells[2].outputs
    monkeypatch.delenv("D2LRNN_EPOCHS")  # it runs with its own settings
    assert len(recording.read(SCRIPT).cells) == 2


@pytest.mark.process
def test_a_record_is_shown_until_the_code_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "RECORDED", tmp_path / "recorded")
    script = tmp_path / "lesson.py"
    script.write_text(SCRIPT, "utf-8")
    recording.record(script, recording.RECORDED)
    monkeypatch.setenv("D2LRNN_EPOCHS", "2")
    page = recording.read(SCRIPT.replace("A lesson", "Another title"))
    assert page.cells[2].outputs[0].text == "42\n"
    assert page.metadata["mystnb"] == {"execution_mode": "off"}
    assert re.fullmatch(
        r'<p class="recorded">\d{4}-\d\d-\d\d [\d:]+ · .+, \d+ cores · '
        r"d2lrnn .+ · mxnet .+ · numpy .+ · python .+</p>",
        page.cells[1].source)
    for page in (recording.read(SCRIPT.replace("7", "8")),
                 recording.read(SCRIPT, run=True)):
        assert page.cells[1].source == recording.TRIED_OUT


def test_a_record_has_neither_warnings_nor_sound_nor_the_folders_path():
    def printed(text, name="stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    def shown(html):
        return nbformat.v4.new_output("display_data", {"text/html": html})

    assert recording.tidied([
        printed("epoch 1\n"), printed("deprecated", "stderr"),
        shown("<audio controls></audio>"), printed("report: /tmp/a/runs/b"),
        shown("<p>")], "/tmp/a/") == [
            printed("epoch 1\n"), printed("report: runs/b"), shown("<p>")]


@pytest.mark.process
def test_the_command_records_what_it_is_given():
    done = subprocess.run(
        [sys.executable, "docs/recording.py", "no_such_lesson"], cwd=ROOT,
        capture_output=True, text=True, env={**os.environ})
    assert done.returncode and "no lesson no_such_lesson" in done.stderr
