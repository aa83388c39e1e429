"""The comments in the lessons' code: Chinese on the Chinese pages.

``python docs/comments.py TEMPLATE`` writes all to a template, from which
``make translations`` brings their catalog up to date.
"""
import re
import sys
from io import StringIO
from tokenize import COMMENT, generate_tokens

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from docutils import nodes
from docutils.utils import column_width
from recording import CHAPTERS, DOCS, code_cells, from_script

CATALOG = DOCS / "locale" / "zh_CN" / "LC_MESSAGES" / "comments.po"
WIDTH = 79
# "W_xh, b_h" and "(n_a, m)" are the same in all languages
WORD = re.compile(r"\b[a-z]{3,}\b")
# what a line may begin with: letters and digits up to a space, or a Chinese
# character, with the marks that belong to it
PIECE = re.compile(r"[（“]*(?:[!-~]+ *|.)[，。：；、？！”）]*")


def comments(code):
    """Return each comment as its first and last line, column and text."""
    found = []
    for token in generate_tokens(StringIO(code).readline):
        if token.type == COMMENT:
            (line, column), text = token.start, token.string.lstrip("# ")
            if not token.line[:column].strip() and found and (
                    found[-1][1:3] == (line - 1, column)):
                first, _, _, above = found.pop()
                found.append((first, line, column, f"{above} {text}"))
            else:
                found.append((line, line, column, text))
    return [comment for comment in found if WORD.search(comment[3])]


def translated(code, chinese):
    """Return code with its comments as in ``chinese``, a dict, if there."""
    lines = code.split("\n")
    for first, last, column, text in reversed(comments(code)):
        if text in chinese:
            wrapped = wrap(chinese[text], WIDTH - column - len("# "))
            before = lines[first - 1][:column]
            lines[first - 1:last] = [f"{before}# {wrapped[0]}"] + [
                f"{' ' * column}# {line}" for line in wrapped[1:]]
    return "\n".join(lines)


def wrap(text, width):
    """Return lines of at most that width: Chinese characters have two."""
    lines = [""]
    for piece in PIECE.findall(text):
        if column_width((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def translations(path=CATALOG):
    """Return the Chinese of each comment that has been translated."""
    with path.open("rb") as file:
        return {message.id: message.string for message in read_po(file)
                if message.id and message.string and not message.fuzzy}


def translate_page(app, doctree):
    """Put the Chinese comments into the code cells of a Chinese page."""
    if app.config.language == "zh_CN":
        chinese = translations()
        for node in doctree.findall(nodes.literal_block):
            if "cell_input" in node.parent.get("classes", ()):
                code = translated(node.astext(), chinese)
                node.rawsource, node[:] = code, [nodes.Text(code)]


def write_template(path):
    """Write all comments of the lessons to a template."""
    template = Catalog()
    for lesson in sorted(CHAPTERS.glob("*.py")):
        for cell in code_cells(from_script(lesson.read_text("utf-8"))):
            for *_, text in comments(cell.source):
                template.add(text)
    with open(path, "wb") as file:
        write_po(file, template)


if __name__ == "__main__":
    write_template(sys.argv[1])
