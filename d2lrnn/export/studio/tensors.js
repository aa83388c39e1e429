// Files of models: arrays by name, and text. A file has the length of its
// header in 8 bytes, the header in JSON, and then the numbers of all arrays.

class Problem extends Error {} // a sentence for the reader

const NUMBERS = {
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => fromHalf(view.getUint16(at, true))],
};

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024)
    : 2 ** -14 * fraction / 1024);
}

// Return {arrays, text}; an array is a Float32Array with a shape.
function readTensors(buffer) {
  const broken = (what) => new Problem(say("broken file", { what }));
  if (buffer.byteLength < 8) throw broken(`${buffer.byteLength} B`);
  const view = new DataView(buffer), length = view.getUint32(0, true);
  const begin = 8 + length;
  if (view.getUint32(4, true) || begin > buffer.byteLength) {
    throw broken("header");
  }
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(
      new Uint8Array(buffer, 8, length)));
  } catch {
    throw broken("JSON");
  }
  const { __metadata__: text, ...entries } = Object(header);
  const arrays = Object.create(null);
  for (const [name, entry] of Object.entries(entries)) {
    if (name.startsWith("training.")) continue;
    const { dtype, shape, data_offsets: place } = Object(entry);
    const [size, read] = Object.hasOwn(NUMBERS, dtype) ? NUMBERS[dtype] : [0];
    const count = Array.isArray(shape) ? shape.reduce((a, b) => a * b, 1) : 0;
    const [start, stop] = Array.isArray(place) ? place : [];
    if (!size || !(count > 0) || !(start >= 0) ||
        stop - start !== count * size || begin + stop > buffer.byteLength) {
      throw broken(name);
    }
    const array = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      array[i] = read(view, begin + start + i * size);
    }
    if (!array.every(Number.isFinite)) throw broken(name);
    arrays[name] = Object.assign(array, { shape });
  }
  return { arrays, text: Object(text) };
}

// Return the network in a file, with its vocabulary, level and name.
function readModel(name, buffer) {
  const { arrays, text } = readTensors(buffer);
  if (text.format !== "d2lrnn") throw new Problem(say("foreign file"));
  let about;
  try {
    about = Object(JSON.parse(text.content));
  } catch {
    throw new Problem(say("broken file", { what: "JSON" }));
  }
  if (about.class !== "CharRNN") {
    throw new Problem(say("other model", { what: String(about.class) }));
  }
  if (about.level === "token") throw new Problem(say("no rule"));
  const vocabulary = about.idx_to_char;
  if (!Array.isArray(vocabulary) || !vocabulary.length ||
      !vocabulary.every((token) => typeof token === "string")) {
    throw new Problem(say("no vocabulary"));
  }
  return { name, vocabulary, level: about.level, config: Object(about.model),
           network: new Network(arrays, Object(about.model),
                                vocabulary.length) };
}

function fromBase64(text) {
  const bytes = atob(text), buffer = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) buffer[i] = bytes.charCodeAt(i);
  return buffer.buffer;
}
