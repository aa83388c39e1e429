"""The rows of the benchmark, by name, in the order of the table."""
from benchmarks.rows import (
    busy,
    charrnn,
    deep,
    generate,
    gluon,
    imports,
    jazz,
    job,
    limit,
    names,
    poems,
    scale,
    scan,
    scratch,
    threads,
    together,
)

ROWS = {file.ROW.name: file.ROW for file in (
    scratch, job, gluon, charrnn, scan, deep, limit, threads, together, busy,
    generate, names, jazz, poems, imports, scale)}
