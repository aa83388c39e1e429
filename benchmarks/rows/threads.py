"""A training step of the char-RNN with one thread and with two."""
from benchmarks.rows.charrnn import SIZES, TINY_SIZES, measure, prepare
from benchmarks.runner import Case, Goal, Row

ONE = "d2lrnn, 1 thread"
ROW = Row(
    "threads", "a training step of the row charrnn, rnn, with two threads "
    "and with one",
    {"rnn": Case(("d2lrnn", ONE), (Goal("speed", 1.5, ONE),))},
    measure, SIZES, TINY_SIZES, prepare,
    {"d2lrnn": {"OMP_NUM_THREADS": "2"}, ONE: {"OMP_NUM_THREADS": "1"}})
