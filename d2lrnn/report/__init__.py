"""The perplexity report: a training as pictures, pages and records."""
from d2lrnn.basics.environment import (
    machine_record,
)
from d2lrnn.basics.files import (
    writable,
)
from d2lrnn.basics.measures import (
    unigram_perplexity,
)
from d2lrnn.report.records import (
    read_record,
    write_json,
)
from d2lrnn.report.write import (
    make_record,
    plot_perplexity,
    print_summary,
    write_pages,
    write_report,
)

__all__ = [
    "machine_record",
    "make_record",
    "plot_perplexity",
    "print_summary",
    "read_record",
    "unigram_perplexity",
    "writable",
    "write_json",
    "write_pages",
    "write_report",
]
