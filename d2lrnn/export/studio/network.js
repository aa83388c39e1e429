// The char-RNN: from ids to states, gates and scores.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// One step of each cell, for unit i. X and P are the products of the input and
// of the hidden state for all gates, n numbers for each, in Gluon's order;
// `at` holds the states before the step and takes what results, by the book's
// letters.
const CELLS = {
  rnn: { gates: 1, letters: ["H"], step(X, P, i, n, before, at) {
    at.H[i] = Math.tanh(X[i] + P[i]);
  } },
  gru: { gates: 3, letters: ["H", "R", "Z", "H_tilde"],
    step(X, P, i, n, before, at) {
      const R = at.R[i] = sigmoid(X[i] + P[i]);
      const Z = at.Z[i] = sigmoid(X[n + i] + P[n + i]);
      const H = at.H_tilde[i] = Math.tanh(X[2 * n + i] + R * P[2 * n + i]);
      at.H[i] = Z * before.H[i] + (1 - Z) * H;
    } },
  lstm: { gates: 4, letters: ["H", "C", "I", "F", "O", "C_tilde"],
    step(X, P, i, n, before, at) {
      const I = at.I[i] = sigmoid(X[i] + P[i]);
      const F = at.F[i] = sigmoid(X[n + i] + P[n + i]);
      const C = at.C_tilde[i] = Math.tanh(X[2 * n + i] + P[2 * n + i]);
      const O = at.O[i] = sigmoid(X[3 * n + i] + P[3 * n + i]);
      at.C[i] = F * before.C[i] + I * C;
      at.H[i] = O * Math.tanh(at.C[i]);
    } },
  mingru: { gates: 2, letters: ["H", "Z", "H_tilde"],
    step(X, P, i, n, before, at) {
      const Z = at.Z[i] = sigmoid(X[i]);
      at.H_tilde[i] = X[n + i];
      at.H[i] = (1 - Z) * before.H[i] + Z * X[n + i];
    } },
  minlstm: { gates: 3, letters: ["H", "I", "F", "H_tilde"],
    step(X, P, i, n, before, at) {
      at.I[i] = sigmoid(X[i]);
      at.F[i] = sigmoid(X[n + i]);
      at.H_tilde[i] = X[2 * n + i];
      const kept = shareKept(X[i], X[n + i]);
      at.H[i] = kept * before.H[i] + (1 - kept) * X[2 * n + i];
    } },
};
// its gates are normalised before the step
CELLS.ln_lstm = CELLS.lstm;

// sigmoid(f) / (sigmoid(f) + sigmoid(i)), even where both round to 0
function shareKept(i, f) {
  return sigmoid(softplus(-i) - softplus(-f));
}

class Network {
  constructor(arrays, config, vocabSize) {
    const { cell, num_hiddens: n, num_layers: layers,
            embed_size: embedSize } = config;
    if (!Object.hasOwn(CELLS, cell) || !(n > 0) || !(layers > 0)) {
      throw new Problem(say("broken file", { what: "model" }));
    }
    const array = (name, ...shape) => {
      const found = arrays[`model.${name}`];
      if (!found || String(found.shape) !== String(shape)) {
        throw new Problem(say("broken file", { what: name }));
      }
      return found;
    };
    this.cell = cell;
    this.letters = CELLS[cell].letters;
    this.numHiddens = n;
    this.vocabSize = vocabSize;
    this.embedding = embedSize
      ? array("embedding.weight", vocabSize, embedSize) : null;
    const rows = CELLS[cell].gates * n, reads = !cell.startsWith("min");
    const zeros = new Float32Array(rows);
    this.layers = Array.from({ length: layers }, (_, i) => {
      const of = (name, ...shape) => array(`layers.${i}.${name}`, ...shape);
      const inputs = i ? n : embedSize || vocabSize;
      const normed = cell === "ln_lstm";
      return {
        inputs, i2h: new Matrix(of("i2h_weight", rows, inputs), inputs),
        i2hBias: normed ? zeros : of("i2h_bias", rows),
        h2h: reads ? new Matrix(of("h2h_weight", rows, n), n) : null,
        h2hBias: reads && !normed ? of("h2h_bias", rows) : zeros,
        gamma: normed ? of("gamma", rows) : null,
        beta: normed ? of("beta", rows) : null,
      };
    });
    this.output = new Matrix(config.tie_weights ? this.embedding
      : array("output.weight", vocabSize, n), n);
    this.bias = array("output.bias", vocabSize);
    this.rows = rows;
    this.products = new Map();
  }

  // the state before the first step
  begin() {
    return this.layers.map(() => ({
      H: new Float32Array(this.numHiddens),
      C: new Float32Array(this.numHiddens) }));
  }

  // the first layer's product with a character, without its bias
  product(id) {
    if (!this.products.has(id)) {
      const { i2h, inputs } = this.layers[0];
      const zeros = new Float32Array(this.rows);
      this.products.set(id, this.embedding
        ? i2h.times(this.embedding.subarray(id * inputs, (id + 1) * inputs),
                    zeros)
        : zeros.map((_, row) => i2h.weight[row * inputs + id]));
    }
    return this.products.get(id);
  }

  // Return what each layer holds after one more character, by letter.
  // `held`, if given, is {layer, unit, value}: a hidden unit that is clamped.
  step(id, state, held = null) {
    let below = null;
    return this.layers.map((layer, l) => {
      const at = {};
      for (const letter of this.letters) {
        at[letter] = new Float32Array(this.numHiddens);
      }
      const { X, P } = this.gates(layer, below ?? this.product(id), !below,
                                  state[l].H);
      const { step } = CELLS[this.cell], n = this.numHiddens;
      for (let i = 0; i < n; i++) step(X, P, i, n, state[l], at);
      if (held?.layer === l) at.H[held.unit] = held.value;
      below = at.H;
      return at;
    });
  }

  // Return the products that a layer's step reads: of its input, X, and of its
  // hidden state, P. The first layer is given its product, the others H.
  gates(layer, input, isFirst, H) {
    const X = isFirst ? input.map((x, i) => x + layer.i2hBias[i])
      : layer.i2h.times(input, layer.i2hBias);
    const P = layer.h2h ? layer.h2h.times(H, layer.h2hBias) : layer.h2hBias;
    if (!layer.gamma) return { X, P };
    const { normal } = normalise(X.map((x, i) => x + P[i]), this.numHiddens);
    return { X: normal.map((x, i) => x * layer.gamma[i] + layer.beta[i]),
             P: layer.h2hBias };
  }

  scores(state) {
    return this.output.times(state.at(-1).H, this.bias);
  }
}

// Return each gate's n numbers with mean 0 and variance 1, and 1 / deviation.
function normalise(gates, n) {
  const normal = new Float64Array(gates.length), scales = [];
  for (let begin = 0; begin < gates.length; begin += n) {
    const gate = gates.subarray(begin, begin + n);
    const mean = gate.reduce((sum, x) => sum + x, 0) / n;
    const variance = gate.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n;
    scales.push(1 / Math.sqrt(variance + 1e-5));
    gate.forEach((x, i) => {
      normal[begin + i] = (x - mean) * scales.at(-1);
    });
  }
  return { normal, scales };
}
