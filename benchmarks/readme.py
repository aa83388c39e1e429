"""Put the tables into the READMEs: ``python -m benchmarks.readme``."""
import json
import re
from pathlib import Path

from benchmarks import (
    lessons,
    results,
    shakespeare,
    tinyshakespeare,
    unrolls,
)

PAGES = [Path(__file__).parents[1] / name
         for name in ("README.md", "README.zh.md")]


def tables():
    """Return the tables that the pages show, by name."""
    rooms = {lessons: lessons.to_markdown, results: results.to_summary,
             shakespeare: shakespeare.to_markdown,
             tinyshakespeare: tinyshakespeare.to_markdown,
             unrolls: unrolls.to_markdown}
    return {room.__name__.removeprefix("benchmarks."): to_table(
        json.loads(room.RESULTS.read_text("utf-8")))
        for room, to_table in rooms.items()}


def with_tables(page):
    """Return a page with each table between its two marks."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        page = re.sub(f"{begin}.*?{end}", f"{begin}\n{table}\n{end}", page,
                      flags=re.DOTALL)
    return page


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
