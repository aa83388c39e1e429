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
    scale,
    scratch,
    shakespeare,
    threads,
)

ROWS = {room.ROW.name: room.ROW for room in (
    scratch, job, gluon, charrnn, deep, limit, threads, busy, generate, names,
    jazz, shakespeare, imports, scale)}
