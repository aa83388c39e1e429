"""Cells built from a cell: several layers of it, or both directions."""
from d2lrnn.basics.checks import (
    check_function,
    check_numbers,
    checked,
    converted,
)

__all__ = [
    "bi",
    "deep",
    "get_bi_params",
    "get_deep_params",
    "init_bi_state",
    "init_deep_state",
]


def check_layers(num_layers, **functions):
    """Check the functions; check and convert the number of layers."""
    check_functions(**functions)
    for function in functions.values():
        if getattr(function, "__qualname__", "").startswith("bi."):
            raise ValueError("cell is bi(cell), which reads the steps in both "
                             "directions, and deep gives it one at a time: "
                             "take bi(deep(cell, num_layers))")
    return check_numbers(num_layers=num_layers)


def check_functions(**functions):
    """Check that each argument is a function."""
    for name, function in functions.items():
        check_function(name, function)


@converted(check_layers)
def get_deep_params(get_params, num_layers):
    """Return a function that draws the parameters of a stack of layers.

    It takes ``(vocab_size, num_hiddens, ctx)``, as ``get_params`` of one
    layer does, and returns the layers' parameters from the bottom up, then
    one W_hq and one b_q. Source: D2L (Chinese, first edition) 6.9.

    >>> from d2lrnn.models.scratch import get_gru_params
    >>> params = get_deep_params(get_gru_params, 3)(10, 4)
    >>> len(params), params[0].shape, params[9].shape, params[-2].shape
    (29, (10, 4), (4, 4), (4, 10))
    """
    def get_params_of_layers(vocab_size, num_hiddens, ctx=None):
        *params, W_hq, b_q = get_params(vocab_size, num_hiddens, ctx)
        for _ in range(num_layers - 1):
            params += get_params(num_hiddens, num_hiddens, ctx)[:-2]
        return [*params, W_hq, b_q]

    return get_params_of_layers


@converted(check_layers)
def init_deep_state(init_state, num_layers):
    """Return a function that makes the first states of a stack of layers.

    >>> from d2lrnn.models.scratch import init_lstm_state
    >>> init_lstm_states = init_deep_state(init_lstm_state, 3)
    >>> [s.shape for s in init_lstm_states(2, 4, ctx=None)] == [(2, 4)] * 6
    True
    """
    def init_states(batch_size, num_hiddens, ctx):
        return sum((init_state(batch_size, num_hiddens, ctx)
                    for _ in range(num_layers)), ())

    return init_states


@converted(check_layers)
def deep(cell, num_layers):
    """Return a cell that stacks ``num_layers`` layers of ``cell``.

    Each layer's hidden state is the input of the next; the output layer reads
    the last. The result takes and returns what ``rnn`` does, with the states
    of all layers in one tuple. Source: D2L (Chinese, first edition) 6.9.
    """
    def deep_cell(inputs, state, params):
        *params, W_hq, b_q = params
        num_params = len(params) // num_layers
        num_states = len(state) // num_layers
        states = [state[i * num_states:(i + 1) * num_states]
                  for i in range(num_layers)]
        outputs = []
        for X in inputs:
            for i in range(num_layers):
                layer = params[i * num_params:(i + 1) * num_params]
                (Y,), states[i] = cell([X], states[i], [*layer, W_hq, b_q])
                X = states[i][0]  # the next layer's input
            outputs.append(Y)
        return outputs, sum(states, ())

    return deep_cell


@checked(check_functions)
def get_bi_params(get_params):
    """Return a function that draws parameters for both directions.

    It takes ``(vocab_size, num_hiddens, ctx)`` and returns the parameters of
    the forward cell, then those of the backward cell. Source: D2L (Chinese,
    first edition) 6.10.

    >>> from d2lrnn.models.scratch import get_params
    >>> len(get_bi_params(get_params)(10, 4))
    10
    """
    def get_params_of_both(vocab_size, num_hiddens, ctx=None):
        return [*get_params(vocab_size, num_hiddens, ctx),
                *get_params(vocab_size, num_hiddens, ctx)]

    return get_params_of_both


@checked(check_functions)
def init_bi_state(init_state):
    """Return a function that makes the first states of both directions.

    >>> from d2lrnn.models.scratch import init_rnn_state
    >>> [H.shape for H in init_bi_state(init_rnn_state)(2, 4, ctx=None)]
    [(2, 4), (2, 4)]
    """
    def init_states(batch_size, num_hiddens, ctx):
        return (*init_state(batch_size, num_hiddens, ctx),
                *init_state(batch_size, num_hiddens, ctx))

    return init_states


@checked(check_functions)
def bi(cell):
    """Return a cell that reads the steps in both directions.

    A step's scores are the sum of both cells' scores: the product of both
    hidden states, side by side, with both W_hq, stacked, plus both b_q. The
    result takes and returns what ``rnn`` does. Since a step's scores depend on
    later steps, the cell can fill a gap but cannot continue a text. Source:
    D2L (Chinese, first edition) 6.10; Schuster and Paliwal (1997).
    """
    def bi_cell(inputs, state, params):
        num_params, num_states = len(params) // 2, len(state) // 2
        forward, state_f = cell(inputs, state[:num_states],
                                params[:num_params])
        backward, state_b = cell(inputs[::-1], state[num_states:],
                                 params[num_params:])
        outputs = [Y_f + Y_b for Y_f, Y_b
                   in zip(forward, backward[::-1], strict=True)]
        return outputs, (*state_f, *state_b)

    return bi_cell
