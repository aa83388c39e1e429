"""The models of the two LSTM lessons in PyTorch, with given weights."""
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot


class WindowLSTM(nn.Module):
    """The writer of poems: two LSTMs in one fused operator."""

    def __init__(self, vocab_size, num_hiddens, dropout, Tx):
        super().__init__()
        self.vocab_size = vocab_size
        self.lstm = nn.LSTM(vocab_size, num_hiddens, 2, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)

    def forward(self, X):
        """Return the scores (batch_size, vocab_size) of ids."""
        X = one_hot(X.T.long(), self.vocab_size).float()
        Y, _ = self.lstm(X)
        return self.dense(self.dropout(Y[-1]))


class DJModel(nn.Module):
    """The improviser: all steps in one operator, or a loop over the cell."""

    def __init__(self, Tx, n_a, n_values, loop):
        super().__init__()
        self.loop = loop
        self.lstm = (nn.LSTMCell if loop else nn.LSTM)(n_values, n_a)
        self.dense = nn.Linear(n_a, n_values)

    def forward(self, X):
        """Return the scores (Tx, m, n_values) of ids, -1 an empty row."""
        X = one_hot(X.T + 1, self.dense.out_features + 1)[:, :, 1:].float()
        if not self.loop:
            return self.dense(self.lstm(X)[0])
        a = c = torch.zeros(X.shape[1], self.lstm.hidden_size)
        outputs = []
        for x in X:
            a, c = self.lstm(x, (a, c))
            outputs.append(self.dense(a))
        return torch.stack(outputs)


def step_losses(output, y):
    """Return the sum over the steps of the mean cross-entropy."""
    losses = cross_entropy(output.flatten(0, 1), y.flatten(),
                           ignore_index=-1, reduction="sum")
    return losses / (y[0] >= 0).sum()


def make(lesson, config, weights, loop):
    """Return a lesson's model with the weights of a checkpoint, and loss."""
    if lesson == "jazz":
        model, layers = DJModel(**config, loop=loop), {"lstm_cell": "_l0"}
        dense, loss = "densor", step_losses
    else:
        model = WindowLSTM(**config)
        layers = {"lstm1": "_l0", "lstm2": "_l1"}
        dense = "dense"

        def loss(output, y):
            return cross_entropy(output, y.long())
    names = {"i2h_weight": "weight_ih", "h2h_weight": "weight_hh",
             "i2h_bias": "bias_ih", "h2h_bias": "bias_hh"}
    state = {f"lstm.{theirs}{'' if loop else suffix}":
             weights[f"model.{layer}.{ours}"]
             for layer, suffix in layers.items()
             for ours, theirs in names.items()}
    state |= {f"dense.{name}": weights[f"model.{dense}.{name}"]
              for name in ("weight", "bias")}
    model.load_state_dict({name: torch.from_numpy(array)
                           for name, array in state.items()})
    return model, loss
