// A text as a model reads it: its tokens, the states, and its surprise.

const IDEOGRAPH = "\\u3007\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff" +
  "\\u{20000}-\\u{3ffff}";
// an ideograph; a run of letters, digits and underscores; any other character
const WORDS = new RegExp(`[${IDEOGRAPH}]|(?:(?![${IDEOGRAPH}])[\\p{L}\\p{N}_])+` +
  "|[^]", "gu");
const UNKNOWN = "<unk>", EOS = "<eos>";
// what Python splits at
const SPACES = new RegExp("[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a" +
  "\\u2028\\u2029\\u202f\\u205f\\u3000]+", "u");
// as many as `d2lrnn eval` reads in one row, and as the memory may hold
const MOST_TOKENS = 15000, MOST_NUMBERS = 6e7;

// Return how a model's texts are cut: into characters, into words and what is
// between them, or at white space, with a token for each line end.
function levelOf({ level, vocabulary }) {
  if (level !== "word" && vocabulary.includes(EOS)) return "split";
  return level === "word" || vocabulary.some((token) =>
    Array.from(token).length > 1 && token.match(WORDS)[0] === token)
    ? "word" : "char";
}

class Reading {
  constructor(model) {
    this.model = model;
    this.level = levelOf(model);
    this.idOf = new Map(model.vocabulary.map((token, id) => [token, id]));
    this.unknown = this.idOf.get(UNKNOWN) ?? -1;
    const { network } = model;
    this.held = null; // the first place at which a unit was held
    this.most = Math.min(MOST_TOKENS, Math.floor(MOST_NUMBERS / (
      network.numHiddens * network.layers.length * network.letters.length)));
    this.forget(0);
  }

  // Keep the first tokens of the text, and forget the others.
  forget(length) {
    this.tokens = (this.tokens ?? []).slice(0, length);
    // of each token: its id, or -1 for one that is left out; whether it is
    // known; its surprise in bits; its rank; the steps taken before it
    this.about = (this.about ?? []).slice(0, length);
    const next = this.about.at(-1);
    const steps = next ? next.steps + (next.id >= 0) : 0;
    this.states = (this.states ?? [this.model.network.begin()])
      .slice(0, steps + 1);
    this.ids = (this.ids ?? []).slice(0, steps);
    this.scores = null; // of the next token
    if (length <= this.held) this.held = null;
  }

  // Forget what was read while a unit was held.
  letGo() {
    if (this.held !== null) this.forget(this.held);
  }

  cut(text) {
    if (this.level === "split") {
      return text.replaceAll("\n", ` ${EOS} `).split(SPACES).filter(Boolean);
    }
    return this.level === "word" ? text.match(WORDS) ?? [] : Array.from(text);
  }

  // Return a token as it is written.
  spelled(token) {
    if (this.level !== "split") return token;
    return token === EOS ? "\n" : ` ${token}`;
  }

  // Return tokens as a text, whose lines begin with no space at "split".
  text(tokens = this.tokens) {
    const text = tokens.map((token) => this.spelled(token)).join("");
    return this.level === "split" ? text.replaceAll(/^ /gm, "") : text;
  }

  // Read one token more. `held` is a hidden unit that is clamped.
  add(token, held = null) {
    if (held) this.held ??= this.tokens.length;
    const id = this.idOf.get(token) ?? this.unknown;
    const about = { id, known: this.idOf.has(token) && token !== UNKNOWN,
                    bits: NaN, rank: NaN, steps: this.ids.length };
    if (id >= 0) {
      const scores = this.next();
      if (scores) Object.assign(about, surprise(scores, id));
      this.states.push(this.model.network.step(id, this.states.at(-1), held));
      this.ids.push(id);
      this.scores = null;
    }
    this.tokens.push(token);
    this.about.push(about);
  }

  // the scores of the next token, or null before the first
  next() {
    if (!this.scores && this.ids.length) {
      this.scores = this.model.network.scores(this.states.at(-1));
    }
    return this.scores;
  }

  // the steps taken before a place in the text
  stepsAt(place) {
    return this.about[place]?.steps ?? this.ids.length;
  }

  // Return the scores that the model gave at a place, or null without steps.
  scoresAt(place) {
    const steps = this.stepsAt(place);
    return steps ? this.model.network.scores(this.states[steps]) : null;
  }

  // Read a text, from where it differs from the one before. Pause every few
  // milliseconds with `pause`, and stop where that returns true.
  async read(text, pause) {
    const tokens = this.cut(text);
    let same = 0;
    while (same < this.tokens.length && tokens[same] === this.tokens[same]) {
      same++;
    }
    if (same < this.tokens.length) this.forget(same);
    if (same < tokens.length) {
      this.letGo();
      same = this.tokens.length;
    }
    for (let begin = performance.now(); same < tokens.length; same++) {
      if (same === this.most) return false;
      this.add(tokens[same]);
      if (performance.now() - begin > 12) {
        if (await pause()) return true;
        begin = performance.now();
      }
    }
    return true;
  }

  // Return what `d2lrnn eval` prints of text(), and how many tokens are unknown.
  measures() {
    const bits = this.about.map(({ bits }) => bits).filter(Number.isFinite);
    const mean = bits.reduce((sum, x) => sum + x, 0) / bits.length;
    const chars = Array.from(this.text()).length;
    return { perplexity: 2 ** mean, count: bits.length,
             bitsPerChar: mean * this.tokens.length / chars,
             unknown: this.about.filter(({ known }) => !known).length };
  }

  // Return how much each token before a place adds to its prediction, at most
  // 500 steps back; null for the others.
  saliency(place) {
    const { id, steps } = this.about[place] ?? {};
    if (!(id >= 0) || !steps) return null;
    const begin = Math.max(0, steps - 500);
    const parts = saliency(this.model.network, this.ids.slice(begin, steps),
                           this.states.slice(begin, steps + 1), id);
    return this.about.map((about) => about.id >= 0 && about.steps >= begin &&
      about.steps < steps ? parts[about.steps - begin] : null);
  }

  // Return a letter's values of one unit after each token from begin to end;
  // null for those that are left out.
  unit(layer, letter, unit, begin = 0, end = this.about.length) {
    return this.about.slice(begin, end).map(({ id, steps }) => id < 0 ? null
      : this.states[steps + 1][layer][letter][unit]);
  }
}

function surprise(scores, id) {
  const top = scores.reduce((a, b) => Math.max(a, b));
  let sum = 0, rank = 1;
  for (const score of scores) {
    sum += Math.exp(score - top);
    if (score > scores[id]) rank++;
  }
  return { bits: (Math.log(sum) + top - scores[id]) / Math.LN2, rank };
}

// Properties of a text that a unit may follow: a number for each token, as it
// is written.
const PROPERTIES = {
  space: (tokens) => tokens.map((token) => Number(/^\s+$/u.test(token))),
  newline: (tokens) => tokens.map((token) => Number(token === "\n")),
  "place in line": (tokens) => {
    let place = -1;
    return tokens.map((token) => token === "\n" ? (place = -1) : ++place);
  },
  "in quotes": (tokens) => {
    let inside = 0;
    return tokens.map((token) => {
      if (/^ ?[“「『«]$/u.test(token)) inside = 1;
      else if (/^ ?[”」』»]$/u.test(token)) inside = 0;
      else if (token.trim() === '"') inside = 1 - inside;
      return inside;
    });
  },
  vowel: (tokens) => tokens.map((token) => Number(/^ ?[aeiou]$/iu.test(token))),
  capital: (tokens) => tokens.map((token) => Number(/^ ?\p{Lu}/u.test(token))),
  pattern: async (tokens, pattern) => {
    const found = await matches(pattern, tokens.join(""));
    let end = 0, next = 0;
    return tokens.map((token) => {
      const begin = end;
      end += token.length;
      while (next < found.length && found[next][1] <= begin) next++;
      return Number(next < found.length && found[next][0] < end);
    });
  },
};

// Return where a pattern begins and ends in a text. It is sought elsewhere,
// since some patterns take for ever.
function matches(pattern, text) {
  try {
    new RegExp(pattern, "gu");
  } catch (error) {
    throw new Problem(say("bad pattern", { what: error.message }));
  }
  const seek = new Blob([`onmessage = ({ data: [pattern, text] }) =>
    postMessage([...text.matchAll(new RegExp(pattern, "gu"))].map(
      (match) => [match.index, match.index + match[0].length]));`]);
  const worker = new Worker(URL.createObjectURL(seek));
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    setTimeout(() => reject(new Problem(say("slow pattern"))), 3000);
    worker.postMessage([pattern, text]);
  }).finally(() => worker.terminate());
}

// Return the units whose values follow a property best: {layer, letter, unit,
// correlation}, the strongest first.
function search(reading, values, count = 8) {
  const read = reading.about.flatMap(({ id, steps }, i) =>
    id < 0 ? [] : [[steps + 1, values[i]]]);
  const mean = read.reduce((sum, [, value]) => sum + value, 0) / read.length;
  const centred = read.map(([step, value]) => [step, value - mean]);
  const size = Math.sqrt(centred.reduce((sum, [, d]) => sum + d * d, 0));
  const [[begin]] = centred, { network } = reading.model, found = [];
  for (let layer = 0; layer < network.layers.length; layer++) {
    for (const letter of network.letters) {
      for (let unit = 0; unit < network.numHiddens; unit++) {
        const value = (step) => reading.states[step][layer][letter][unit];
        const first = value(begin);
        let sum = 0, squares = 0, along = 0;
        for (const [step, d] of centred) {
          const x = value(step) - first; // small, for its square's sake
          sum += x;
          squares += x * x;
          along += x * d;
        }
        const spread = Math.sqrt(Math.max(
          squares - sum * sum / read.length, 0)) * size;
        found.push({ layer, letter, unit, correlation:
          spread > 1e-9 ? along / spread : 0 });
      }
    }
  }
  return found.sort((a, b) => Math.abs(b.correlation) - Math.abs(
    a.correlation)).slice(0, count);
}
