"""The perplexity report: trainings as pictures, pages and records."""
from d2lrnn.basics.environment import cpu_name as cpu_name
from d2lrnn.basics.environment import machine_record
from d2lrnn.basics.files import writable
from d2lrnn.basics.measures import unigram_perplexity
from d2lrnn.report.markdown import to_markdown as to_markdown
from d2lrnn.report.markdown import with_held_out as with_held_out
from d2lrnn.report.records import read_record, write_json
from d2lrnn.report.records import summarize as summarize
from d2lrnn.report.write import (
    make_record,
    plot_perplexity,
    print_summary,
    write_pages,
    write_report,
)

# names imported as themselves are kept for users of 0.1.0
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
