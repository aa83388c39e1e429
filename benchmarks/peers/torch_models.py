"""d2lrnn's models in PyTorch, with the weights of a checkpoint."""
import torch
from torch import nn
from torch.nn.functional import one_hot

from benchmarks.peers.weights import for_ln_lstm, for_torch


class CharRNN(nn.Module):
    """The char-RNN: all steps and layers in one operator."""

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers, cell,
                 dropout, **_):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM,
                 "ln_lstm": LNLSTM}[cell]
        self.rnn = layer(embed_size, num_hiddens, num_layers,
                         dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(num_hiddens, vocab_size)

    def forward(self, X, state=None):
        """Return scores (num_steps * batch_size, vocab_size), and state."""
        Y, state = self.rnn(self.dropout(self.embedding(X.T)), state)
        return self.output(self.dropout(Y)).flatten(0, 1), state


class LNLSTM(nn.Module):
    """One layer of the LSTM with normalised gates: a loop over its steps."""

    def __init__(self, input_size, num_hiddens, num_layers, dropout):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(4 * num_hiddens,
                                                  input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * num_hiddens,
                                                  num_hiddens))
        self.gamma = nn.Parameter(torch.ones(4, num_hiddens))
        self.beta = nn.Parameter(torch.zeros(4, num_hiddens))
        self.steps = ln_lstm_steps

    def forward(self, X, state=None):
        """Return the hidden states of all steps, and the last state."""
        if state is None:
            zeros = torch.zeros(X.shape[1], self.gamma.shape[1])
            state = zeros, zeros
        return self.steps(X @ self.weight_ih.T, *state, self.weight_hh,
                          self.gamma, self.beta)


def ln_lstm_steps(X, H, C, weight, gamma, beta):
    """Return the hidden states of all steps, and the last state."""
    outputs = []
    for i in range(X.shape[0]):
        gates = (X[i] + H @ weight.T).reshape(H.shape[0], 4, H.shape[1])
        gates = torch.layer_norm(gates, [H.shape[1]], eps=1e-5) * gamma + beta
        I, forget, C_tilde, O = gates.unbind(1)
        C = torch.sigmoid(forget) * C + torch.sigmoid(I) * torch.tanh(C_tilde)
        H = torch.sigmoid(O) * torch.tanh(C)
        outputs.append(H)
    return torch.stack(outputs), (H, C)


class WindowLSTM(nn.Module):
    """The writer of poems: two LSTMs in one fused operator."""

    def __init__(self, vocab_size, num_hiddens, dropout, Tx):
        super().__init__()
        self.vocab_size = vocab_size
        self.lstm = nn.LSTM(vocab_size, num_hiddens, 2, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def forward(self, X, state=None):
        """Return the scores (batch_size, vocab_size) of ids, and None."""
        X = one_hot(X.T.long(), self.vocab_size).float()
        Y, _ = self.lstm(X)
        return self.dense(self.dropout(Y[-1])), None


class DJModel(nn.Module):
    """The improviser: all steps in one operator, or a loop over the cell."""

    def __init__(self, Tx, n_a, n_values, loop):
        super().__init__()
        self.loop = loop
        self.lstm = (nn.LSTMCell if loop else nn.LSTM)(n_values, n_a)
        self.dense = nn.Linear(n_a, n_values)

    def forward(self, X, state=None):
        """Return the scores (Tx, m, n_values) of ids, and None.

        An id of -1 becomes a vector of zeros.
        """
        X = one_hot(X.T + 1, self.dense.out_features + 1)[:, :, 1:].float()
        if not self.loop:
            return self.dense(self.lstm(X)[0]), None
        a = c = torch.zeros(X.shape[1], self.lstm.hidden_size)
        outputs = []
        for x in X:
            a, c = self.lstm(x, (a, c))
            outputs.append(self.dense(a))
        return torch.stack(outputs), None


def char_rnn(config, arrays):
    """Return a ``CharRNN`` with the weights of a checkpoint."""
    model = CharRNN(**config)
    if config["cell"] == "ln_lstm":
        recurrent = for_ln_lstm(arrays)
    else:
        recurrent = for_torch(arrays, {
            f"layers.{n}": f"_l{n}" for n in range(config["num_layers"])})
    return fill(model, "rnn", recurrent, {
        name: arrays[name] for name in (
            "embedding.weight", "output.weight", "output.bias")})


def compiled_char_rnn(config, arrays):
    """Return the same of the cell ln_lstm, with its loop compiled."""
    model = char_rnn(config, arrays)
    model.rnn.steps = torch.compile(ln_lstm_steps)
    return model


def window_lstm(config, arrays):
    """Return a ``WindowLSTM`` with the weights of a checkpoint."""
    lstm = for_torch(arrays, {"lstm1": "_l0", "lstm2": "_l1"})
    return fill(WindowLSTM(**config), "lstm", lstm, {
        name: arrays[name] for name in ("dense.weight", "dense.bias")})


def dj_model(config, arrays, loop):
    """Return a ``DJModel`` with the weights of a checkpoint."""
    lstm = for_torch(arrays, {"lstm_cell": "" if loop else "_l0"})
    return fill(DJModel(**config, loop=loop), "lstm", lstm, {
        f"dense.{name}": arrays[f"densor.{name}"]
        for name in ("weight", "bias")})


def fill(model, layer, recurrent, others):
    """Give a model the arrays of its recurrent layer, and the others."""
    state = {f"{layer}.{name}": array for name, array in recurrent.items()}
    model.load_state_dict({name: torch.from_numpy(array) for name, array
                           in {**state, **others}.items()})
    return model
