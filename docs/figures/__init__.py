"""The figures of the book: ``python -m docs.figures`` draws them again."""
from pathlib import Path

from docs.figures import (
    attention,
    batches,
    cells,
    counting,
    decoding,
    memory,
    mistakes,
    music,
    networks,
    servers,
)

FOLDER = Path(__file__).parent
FIGURES = {draw.__name__: draw for draw in (
    cells.unrolled, cells.gru, cells.lstm, cells.backward_step,
    cells.jacobians,
    batches.training_step, batches.onehot_to_softmax, batches.two_samplings,
    batches.truncated, batches.two_orders, batches.windows_or_state,
    batches.name_example,
    networks.layers, networks.both_directions, networks.char_rnn,
    networks.tied, networks.three_unrolls, networks.gluon_shapes,
    networks.one_product, networks.dependence, networks.traced,
    networks.scan_tree,
    music.jazz_measure, decoding.choosing, counting.counting,
    memory.delayed_recall, attention.looking_back, mistakes.mistakes,
    servers.parameter_server)}
