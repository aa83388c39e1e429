"""The book: how Sphinx builds it from the chapters, in two languages."""
import hashlib
import os
import shutil
import sys
from importlib.metadata import version as version_of
from itertools import takewhile
from pathlib import Path

from docutils.nodes import Element, Inline
from sphinx.search.zh import SearchChinese

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# The chapters' scripts are pages. Sphinx reads only what lies below its own
# folder: so they are copied there.
shutil.rmtree(DOCS / "chapters", ignore_errors=True)
# New dates let it read them again: there may be a new record of a run.
shutil.copytree(ROOT / "chapters", DOCS / "chapters",
                ignore=shutil.ignore_patterns("__pycache__", "runs",
                                              "solutions"),
                copy_function=shutil.copyfile)

project = "d2lrnn"
author = "the authors of d2lrnn"
version = release = version_of("d2lrnn")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode",
              "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["*.py", "recorded", "figures"]
templates_path = ["templates"]

language = "en"
locale_dirs = ["locale"]
gettext_compact = False
gettext_uuid = False
gettext_location = False

sys.path.insert(0, str(DOCS))
# Pages show recorded runs. FULL=1 runs the lessons with their own settings
# instead; else a lesson that has changed since its record is only tried out.
FULL = os.environ.get("FULL") == "1"
nb_custom_formats = {".py": ["recording.read", {"run": FULL}]}
if FULL:
    os.environ.pop("D2LRNN_EPOCHS", None)
else:
    os.environ.setdefault("D2LRNN_EPOCHS", "2")
os.environ["D2LRNN_LANG"] = "en"  # of the figures, which both languages share
# Both languages show the same runs: the second build finds them here, unless
# the code, the cap or the texts have changed.
seen = hashlib.sha256(repr([os.environ.get(name) for name in (
    "D2LRNN_EPOCHS", "D2LRNN_DATA")]).encode())
for path in sorted((ROOT / "d2lrnn").rglob("*.py")):
    seen.update(path.read_bytes())
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "runs" / seen.hexdigest()[:12])
nb_execution_in_temp = True
nb_execution_timeout = -1
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # where a text comes from stands in stdout
suppress_warnings = ["myst-nb.lexer"]  # in gettext, which runs nothing
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]

numfig = True

autodoc_member_order = "bysource"

# Sphinx 9.0 lets Chinese pages look for the stemmer of this name, but gives
# them the English one
SearchChinese.language_name = "English"
# the words that a reader may search for
html_search_options = {"dict": str(DOCS / "locale" / "terms.txt")}
html_theme = "furo"
html_title = "d2lrnn"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_show_copyright = False
html_sidebars = {"**": [
    "sidebar/brand.html", "sidebar/search.html", "sidebar/language.html",
    "sidebar/scroll-start.html", "sidebar/navigation.html",
    "sidebar/scroll-end.html"]}
html_show_search_summary = False  # it fetches pages, which files may not
html_copy_source = html_show_sourcelink = False


def keep_in_english(app, doctree):
    """Let what is included stay as it is: tables that change with each run."""
    page = Path(doctree["source"])
    for node in doctree.findall():
        if node.source and Path(node.source) != page and (
                ":docstring of " not in node.source):
            for inner in node.findall(Element):
                if not isinstance(inner, Inline):  # they follow their text
                    inner["translatable"] = False


def keep_one_sentence(app, what, name, obj, options, lines):
    """Let the first paragraph of a docstring be translated, and no other."""
    if app.builder.name == "gettext":
        lines[:] = takewhile(str.strip, lines)


def setup(app):
    """Connect the functions above, and those of the other files."""
    from comments import translate_page
    from recording import fold_solutions
    from studio import write_page
    app.connect("build-finished", write_page)
    app.connect("source-read", fold_solutions)
    app.connect("doctree-read", keep_in_english)
    app.connect("doctree-read", translate_page)
    app.connect("autodoc-process-docstring", keep_one_sentence)
