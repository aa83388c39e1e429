"""Put the tables into the pages: ``python -m benchmarks.readme``."""
import re

from benchmarks import RECORDS, ROOT, read, results
from benchmarks.studies import (
    lessons,
    ptb,
    regularisation,
    sonnets,
    tinyshakespeare,
    unrolls,
)

# docs/results.md includes the tables from the first page, which has them all
PAGES = [RECORDS / "README.md", ROOT / "README.md", ROOT / "README.zh.md"]
STUDIES = (ptb, regularisation, sonnets, tinyshakespeare, unrolls)


def tables():
    """Return the tables that the pages show, by name."""
    return {"results": results.to_summary(read(results.RESULTS)),
            **lessons.tables(read(lessons.RESULTS)),
            **{study.__name__.split(".")[-1]:
               study.to_markdown(read(study.RESULTS)) for study in STUDIES}}


def with_tables(page):
    """Return a page with each of its tables between its two marks."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        page = re.sub(f"{begin}.*?{end}", f"{begin}\n{table}\n{end}", page,
                      flags=re.DOTALL)
    return page


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
