// The gradient of a prediction, back through the steps that led to it.

// Each cell's step backwards, for unit i: dH and, with a memory cell, dC are
// the gradients of its results; dX takes those of the products of its input,
// dP of its hidden state. `before` and `at` are the step's states. Returned
// are the gradients of the unit's own H and C before the step.
const BACK = {
  rnn(i, n, { P, before, at, dH, dX, dP }) {
    dX[i] = dP[i] = dH[i] * (1 - at.H[i] ** 2);
    return [0, 0];
  },
  gru(i, n, { P, before, at, dH, dX, dP }) {
    const { R, Z, H_tilde } = at;
    const candidate = dH[i] * (1 - Z[i]) * (1 - H_tilde[i] ** 2);
    dX[2 * n + i] = candidate;
    dP[2 * n + i] = candidate * R[i];
    dX[i] = dP[i] = candidate * P[2 * n + i] * R[i] * (1 - R[i]);
    dX[n + i] = dP[n + i] =
      dH[i] * (before.H[i] - H_tilde[i]) * Z[i] * (1 - Z[i]);
    return [dH[i] * Z[i], 0];
  },
  lstm(i, n, { P, before, at, dH, dC, dX, dP }) {
    const { I, F, O, C, C_tilde } = at, tanh = Math.tanh(C[i]);
    const d = dC[i] + dH[i] * O[i] * (1 - tanh ** 2);
    dX[i] = d * C_tilde[i] * I[i] * (1 - I[i]);
    dX[n + i] = d * before.C[i] * F[i] * (1 - F[i]);
    dX[2 * n + i] = d * I[i] * (1 - C_tilde[i] ** 2);
    dX[3 * n + i] = dH[i] * tanh * O[i] * (1 - O[i]);
    for (let row = i; row < 4 * n; row += n) dP[row] = dX[row];
    return [0, d * F[i]];
  },
  mingru(i, n, { before, at, dH, dX }) {
    const { Z, H_tilde } = at;
    dX[i] = dH[i] * (H_tilde[i] - before.H[i]) * Z[i] * (1 - Z[i]);
    dX[n + i] = dH[i] * Z[i];
    return [dH[i] * (1 - Z[i]), 0];
  },
  minlstm(i, n, { X, before, at, dH, dX }) {
    const { I, F, H_tilde } = at, kept = shareKept(X[i], X[n + i]);
    const d = dH[i] * (before.H[i] - H_tilde[i]) * kept * (1 - kept);
    dX[i] = -d * (1 - I[i]);
    dX[n + i] = d * (1 - F[i]);
    dX[2 * n + i] = dH[i] * (1 - kept);
    return [dH[i] * kept, 0];
  },
};
BACK.ln_lstm = BACK.lstm;

// Return how much each of the ids adds to the log-probability of `next` after
// them: its gradient with respect to each input vector, times that vector.
// `states` are the network's before the first id and after each.
function saliency(network, ids, states, next) {
  const n = network.numHiddens, last = ids.length - 1;
  const dScores = probabilities(network.scores(states[ids.length])).map(
    (chance, id) => (id === next) - chance);
  // the gradients of each step's hidden states, from the layer above
  let dAbove = ids.map(() => new Float64Array(n));
  network.output.addTransposed(dScores, dAbove[last]);
  for (let l = network.layers.length - 1; l > 0; l--) {
    const { i2h } = network.layers[l];
    dAbove = backThroughLayer(network, ids, states, l, dAbove).map((dX) =>
      i2h.addTransposed(dX, new Float64Array(n)));
  }
  const dX = backThroughLayer(network, ids, states, 0, dAbove);
  return ids.map((id, t) => network.product(id).reduce(
    (total, x, row) => total + x * dX[t][row], 0));
}

// Return the gradients of a layer's products with its inputs at each step.
function backThroughLayer(network, ids, states, l, dAbove) {
  const n = network.numHiddens, layer = network.layers[l], all = [];
  let dH = new Float64Array(n), dC = new Float64Array(n);
  for (let t = ids.length - 1; t >= 0; t--) {
    const before = states[t][l], at = states[t + 1][l];
    const input = l ? states[t + 1][l - 1].H : network.product(ids[t]);
    const dX = new Float64Array(network.rows);
    const dP = new Float64Array(network.rows);
    dH.forEach((d, i) => { dH[i] = d + dAbove[t][i]; });
    if (at.held !== undefined) dH[at.held] = 0; // it came from no input
    const step = { ...network.gates(layer, input, !l, before.H), before, at,
                   dH, dC, dX, dP };
    const newH = new Float64Array(n), newC = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      [newH[i], newC[i]] = BACK[network.cell](i, n, step);
    }
    if (layer.gamma) backThroughNorm(layer.gamma, n, step);
    layer.h2h?.addTransposed(dP, newH);
    [dH, dC] = [newH, newC];
    all[t] = dX;
  }
  return all;
}

// Turn the gradients of normalised gates into those of the sums before.
function backThroughNorm(gamma, n, { normal, scales, dX, dP }) {
  scales.forEach((scale, gate) => {
    let mean = 0, along = 0;
    for (let row = gate * n; row < (gate + 1) * n; row++) {
      dX[row] *= gamma[row];
      mean += dX[row] / n;
      along += dX[row] * normal[row] / n;
    }
    for (let row = gate * n; row < (gate + 1) * n; row++) {
      dX[row] = scale * (dX[row] - mean - normal[row] * along);
      dP[row] = dX[row];
    }
  });
}
