"""The book's cells, each as the three functions that a training takes."""
import d2lrnn as d2l

RNN = (d2l.rnn, d2l.get_params, d2l.init_rnn_state)
GRU = (d2l.gru, d2l.get_gru_params, d2l.init_gru_state)
LSTM = (d2l.lstm, d2l.get_lstm_params, d2l.init_lstm_state)
MINGRU = (d2l.mingru, d2l.get_mingru_params, d2l.init_mingru_state)
MINLSTM = (d2l.minlstm, d2l.get_minlstm_params, d2l.init_minlstm_state)


def deep(cell, get_params, init_state):
    """Return the three functions of two layers of a cell."""
    return (d2l.deep(cell, 2), d2l.get_deep_params(get_params, 2),
            d2l.init_deep_state(init_state, 2))


def both_ways(cell, get_params, init_state):
    """Return the three functions of a cell that reads in both directions."""
    return (d2l.bi(cell), d2l.get_bi_params(get_params),
            d2l.init_bi_state(init_state))
