// The char-RNN: from ids to states, gates and scores.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// One step of each cell with n units. X and P are the products of the input and
// of the hidden state for all gates, n numbers for each, in Gluon's order;
// `before` holds the states before the step, and the last argument takes what
// results, by the book's letters.
const CELLS = {
  rnn: { gates: 1, letters: ["H"], step(n, X, P, before, { H }) {
    for (let i = 0; i < n; i++) H[i] = Math.tanh(X[i] + P[i]);
  } },
  gru: { gates: 3, letters: ["H", "R", "Z", "H_tilde"],
    step(n, X, P, before, { H, R, Z, H_tilde }) {
      for (let i = 0; i < n; i++) {
        R[i] = sigmoid(X[i] + P[i]);
        Z[i] = sigmoid(X[n + i] + P[n + i]);
        H_tilde[i] = Math.tanh(X[2 * n + i] + R[i] * P[2 * n + i]);
        H[i] = Z[i] * before.H[i] + (1 - Z[i]) * H_tilde[i];
      }
    } },
  lstm: { gates: 4, letters: ["H", "C", "I", "F", "O", "C_tilde"],
    step(n, X, P, before, { H, C, I, F, O, C_tilde }) {
      for (let i = 0; i < n; i++) {
        I[i] = sigmoid(X[i] + P[i]);
        F[i] = sigmoid(X[n + i] + P[n + i]);
        C_tilde[i] = Math.tanh(X[2 * n + i] + P[2 * n + i]);
        O[i] = sigmoid(X[3 * n + i] + P[3 * n + i]);
        C[i] = F[i] * before.C[i] + I[i] * C_tilde[i];
        H[i] = O[i] * Math.tanh(C[i]);
      }
    } },
  mingru: { gates: 2, letters: ["H", "Z", "H_tilde"],
    step(n, X, P, before, { H, Z, H_tilde }) {
      for (let i = 0; i < n; i++) {
        Z[i] = sigmoid(X[i]);
        H_tilde[i] = X[n + i];
        H[i] = (1 - Z[i]) * before.H[i] + Z[i] * H_tilde[i];
      }
    } },
  minlstm: { gates: 3, letters: ["H", "I", "F", "H_tilde"],
    step(n, X, P, before, { H, I, F, H_tilde }) {
      for (let i = 0; i < n; i++) {
        I[i] = sigmoid(X[i]);
        F[i] = sigmoid(X[n + i]);
        H_tilde[i] = X[2 * n + i];
        const kept = shareKept(X[i], X[n + i]);
        H[i] = kept * before.H[i] + (1 - kept) * H_tilde[i];
      }
    } },
};
// its gates are normalised before the step
CELLS.ln_lstm = CELLS.lstm;

// sigmoid(f) / (sigmoid(f) + sigmoid(i)), even where both round to 0
function shareKept(i, f) {
  return sigmoid(softplus(-i) - softplus(-f));
}

function sumOf(a, b) {
  const sum = new Float32Array(a.length);
  for (let i = 0; i < sum.length; i++) sum[i] = a[i] + b[i];
  return sum;
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
      CELLS[this.cell].step(this.numHiddens, X, P, state[l], at);
      if (held?.layer === l) {
        at.H[held.unit] = held.value;
        at.held = held.unit;
      }
      below = at.H;
      return at;
    });
  }

  // Return the products that a layer's step reads: of its input, X, and of its
  // hidden state, P; besides what `normalise` returns, if it is called. The
  // first layer is given its product, the others H.
  gates(layer, input, isFirst, H) {
    const X = isFirst ? sumOf(input, layer.i2hBias)
      : layer.i2h.times(input, layer.i2hBias);
    const P = layer.h2h ? layer.h2h.times(H, layer.h2hBias) : layer.h2hBias;
    if (!layer.gamma) return { X, P };
    const { normal, scales } = normalise(sumOf(X, P), this.numHiddens);
    return { X: normal.map((x, i) => x * layer.gamma[i] + layer.beta[i]),
             P: layer.h2hBias, normal, scales };
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
