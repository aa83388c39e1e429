"""Comments in the lessons' code become Chinese, and nothing else does."""
from io import StringIO
from tokenize import COMMENT, NL, generate_tokens

import pytest

pytest.importorskip("myst_nb", reason="pip install -e '.[book]'")
import comments
from docutils.utils import column_width
from recording import CHAPTERS, code_cells, from_script
from translations import asked_for

pytestmark = pytest.mark.book
LESSONS = sorted(CHAPTERS.glob("*.py"))
lessons = pytest.mark.parametrize(
    "path", LESSONS, ids=[path.stem for path in LESSONS])
CODE = '''# W_xh, b_h
# all of
# this
x = "# not this"  # (n, d), one step
if x:
    y = [x,  # 1 read
         x]  # (n, d)
'''
CHINESE = {"all of this": "这些", "W_xh, b_h all of this": "这些",
           "(n, d), one step": "(n, d)，一个时间步", "1 read": "1 读入"}


def cells(path):
    """Return the code of each cell of a lesson."""
    return [cell.source for cell
            in code_cells(from_script(path.read_text("utf-8")))]


def tokens(code):
    """Return the tokens of code but for its comments."""
    return [token[:2] for token in generate_tokens(StringIO(code).readline)
            if token.type not in (COMMENT, NL)]


@lessons
def test_the_code_is_the_same_but_for_comments(path):
    for code in cells(path):
        chinese = comments.translated(code, comments.translations())
        assert tokens(chinese) == tokens(code)
        assert max(map(column_width, chinese.split("\n"))) <= comments.WIDTH


@lessons
def test_each_comment_has_a_translation(path):
    found = {text for code in cells(path)
             for *_, text in comments.comments(code)}
    lacking = found - {*comments.translations()}
    assert not lacking or "comments" in asked_for(), (
        f"make translations, then translate {sorted(lacking)} in comments.po")


def test_blocks_and_comments_after_code_are_found():
    assert [text for *_, text in comments.comments(CODE)] == [
        "W_xh, b_h all of this", "(n, d), one step", "1 read"]


def test_comments_are_replaced_where_they_stand():
    assert comments.translated(CODE, CHINESE) == '''# 这些
x = "# not this"  # (n, d)，一个时间步
if x:
    y = [x,  # 1 读入
         x]  # (n, d)
'''
    assert comments.translated(CODE, {}) == CODE


def test_a_long_comment_goes_on_below_itself():
    text = "梯度" * 40 + "，num_steps 步。"
    lines = comments.translated("x = 1  # one step\ny = 2",
                                {"one step": text}).split("\n")
    assert lines[0].startswith("x = 1  # 梯度")
    assert lines[-1] == "y = 2" and len(lines) == 4
    assert all(line.startswith("       # ") for line in lines[1:-1])
    assert "".join(line[9:] for line in lines[:-1]) == text
    assert max(map(column_width, lines)) in (78, 79)


def test_a_mark_begins_no_line():
    assert comments.wrap("梯度，（状态）。", 6) == [
        "梯度，", "（状", "态）。"]


def test_a_doubtful_translation_is_not_shown(tmp_path):
    path = tmp_path / "comments.po"
    path.write_text('msgid "one"\nmsgstr "一"\n\n'
                    '#, fuzzy\nmsgid "two"\nmsgstr "一"\n\n'
                    'msgid "three"\nmsgstr ""\n', "utf-8")
    assert comments.translations(path) == {"one": "一"}
