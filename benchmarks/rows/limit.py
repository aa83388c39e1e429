"""A training step beside the matrix products in it, alone."""
from benchmarks.rows import charrnn
from benchmarks.runner import Case, Goal, Row, timed
from benchmarks.shared import load_batches, load_weights

PRODUCTS = "the products alone"


def measure(case, side, folder, sizes):
    """Return the seconds of a step, or of its products."""
    if side != PRODUCTS:
        return charrnn.measure(case, side, folder, sizes)
    _, arrays = load_weights(folder)
    multiply = products(len(arrays["output.bias"]),
                        len(arrays["layers.0.i2h_bias"]), sizes)
    num_batches = len(load_batches(folder))
    multiply(num_batches)  # to warm up
    seconds = timed(lambda: multiply(num_batches), sizes["epochs"])
    return None, {"seconds a step": [time / num_batches for time in seconds]}


def products(vocab_size, rows_of_gates, sizes):
    """Return a function of a number of steps, which takes their products.

    These are the products of a layer whose gates have so many rows, forward
    and backward: those of all inputs at once, those of the states one after
    another (the gradient of their weights at once), and those of all outputs
    at once.
    """
    import d2lrnn  # noqa: F401 - sets the threads
    from mxnet import nd
    h, n = sizes["num_hiddens"], sizes["num_steps"]
    rows = n * sizes["batch_size"]
    shapes = [(rows, sizes["embed_size"], rows_of_gates),
              (rows, h, vocab_size)]
    large = [tuple(map(nd.ones, ((m, k), (k, p), (m, p))))
             for m, k, p in shapes]
    H, W = nd.ones((sizes["batch_size"], h)), nd.ones((h, rows_of_gates))
    G_t = nd.ones((sizes["batch_size"], rows_of_gates))
    all_h, all_G = nd.ones((rows, h)), nd.ones((rows, rows_of_gates))

    def multiply(num_batches):
        for _ in range(num_batches):
            for X, weight, G in large:
                nd.dot(X, weight)
                nd.dot(G, weight, transpose_b=True)
                nd.dot(X, G, transpose_a=True)
            for _ in range(n):
                nd.dot(H, W)
                nd.dot(G_t, W, transpose_b=True)
            nd.dot(all_h, all_G, transpose_a=True)
        nd.waitall()

    return multiply


ROW = Row(
    "limit", "a training step of the row charrnn beside its matrix "
    "products alone, of the same shapes, in MXNet",
    {"rnn": Case(("d2lrnn", PRODUCTS), (Goal("speed", 0.9, PRODUCTS),)),
     "lstm": Case(("d2lrnn", PRODUCTS), (Goal("speed", 0.85, PRODUCTS),))},
    measure, charrnn.SIZES, charrnn.TINY_SIZES, charrnn.prepare)
