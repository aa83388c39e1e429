// Choose the next character by its score.

// Return the probabilities of scores divided by a temperature. At temperature
// 0 the highest has them all; what is banned has none.
function probabilities(scores, temperature = 1, banned = -1) {
  const allowed = Float64Array.from(scores, (x, id) => id === banned
    ? -Infinity : x);
  let top = 0;
  allowed.forEach((x, id) => { if (x > allowed[top]) top = id; });
  const weights = allowed.map((x, id) => temperature
    ? Math.exp((x - allowed[top]) / temperature) : Number(id === top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

// Return ids by their probabilities, the highest first, the lowest id among
// equals.
function ranked(chances) {
  return Array.from(chances.keys()).sort(
    (a, b) => chances[b] - chances[a] || a - b);
}

// Return the ids among which is chosen: the topK likeliest, and of these the
// fewest that together reach the share topP.
function kept(chances, topK, topP) {
  if (!topK && !topP) return Array.from(chances.keys());
  const best = ranked(chances).slice(0, topK || undefined);
  if (!topP) return best;
  const all = best.reduce((sum, id) => sum + chances[id], 0);
  let sum = 0;
  const end = best.findIndex((id) => {
    sum += chances[id];
    return sum >= topP * all * (1 - 1e-12);
  });
  return end < 0 ? best : best.slice(0, end + 1);
}

// Return the id at `draw`, from 0 to 1, among the kept ones.
function choose(scores, { temperature, topK, topP, banned }, draw) {
  const chances = probabilities(scores, temperature, banned);
  const ids = kept(chances, topK, topP).filter((id) => chances[id] > 0)
    .sort((a, b) => a - b);
  let left = draw * ids.reduce((sum, id) => sum + chances[id], 0);
  return ids.find((id) => (left -= chances[id]) < 0) ?? ids.at(-1);
}

// Return a number from 0 to 1 that a seed and a place determine, so that a
// text is the same whether it is written at once, step by step or again.
function drawAt(seed, place) {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + place | 0;
  for (const factor of [0x7feb352d, 0x846ca68b, 0x27d4eb2f]) {
    x = Math.imul(x ^ (x >>> 16), factor);
    x ^= x >>> 13;
  }
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}
