"""Pages are translated, or ask for their translation."""
import warnings
from pathlib import Path

LIST = Path(__file__).parents[1] / "docs" / "locale" / "asked_for.txt"


def asked_for(path=LIST):
    """Return the pages that ask for their translation, one a line."""
    return [line for line in path.read_text("utf-8").splitlines()
            if line and not line.startswith("#")]


def check_page(page, problems, asked):
    """Accept and list the problems of a page that asks, and of no other.

    A page without problems must not ask any longer.
    """
    if page not in asked:
        assert not problems, (
            f"{page}: {'; '.join(problems)}: translate it, or ask for its "
            f"translation by a line {page} in docs/locale/{LIST.name}")
        return
    assert problems, (f"{page} is translated: take it out of docs/locale/"
                      f"{LIST.name}")
    warnings.warn(f"{page} asks for its translation: "
                  f"{'; '.join(problems)}", stacklevel=2)


def problems_of(template, catalog):
    """Return what a page's catalog lacks, and what it has too much of."""
    problems = []
    for message in template:
        if not message.id:
            continue  # the header
        translated = catalog.get(message.id)
        if not translated:
            problems.append(f"new: {message.id}")
        elif not translated.string or translated.fuzzy:
            problems.append(f"to be translated: {message.id}")
    old = {message.id for message in catalog} - {
        message.id for message in template}
    return problems + [f"not there: {id}" for id in [*old, *catalog.obsolete]]
