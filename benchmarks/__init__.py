"""Measurements of d2lrnn beside its peers, each pair in the same run.

``rows`` holds what is measured, one file a row; ``peers`` the other sides;
``studies`` the full runs that are recorded once; ``records`` the numbers,
tables and pictures of both.
"""
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDS = Path(__file__).with_name("records")


def read(path):
    """Return a record that ``write`` wrote."""
    return json.loads(path.read_text("utf-8"))


def write(record, path, table=None):
    """Write a record as JSON, and its table, if any, beside it as .md."""
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n",
                    "utf-8")
    if table is not None:
        path.with_suffix(".md").write_text(table, "utf-8")


def machine(record):
    """Return the machine of a record in words.

    >>> machine({"machine": {"cpu": "AMD EPYC", "cores": 2}})
    'AMD EPYC, 2 cores'
    """
    return f"{record['machine']['cpu']}, {record['machine']['cores']} cores"
