"""Measurements of d2lrnn beside its peers, each pair in the same run."""
import json


def write(record, path, to_markdown):
    """Write a record as .json, its table as .md beside it; return that."""
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n",
                    "utf-8")
    table = to_markdown(record)
    path.with_suffix(".md").write_text(table, "utf-8")
    return table
