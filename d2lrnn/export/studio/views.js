// What the page shows of a reading.

const element = (id) => document.getElementById(id);
const rounded = (x, digits = 2) => Number.isFinite(x) ? x.toFixed(digits)
  : "–";
const SIGNS = new Map([[" ", "␣"], ["\n", "⏎"], ["\t", "⇥"], ["\r", "␍"],
                       ["<eos>", "⏎"]]);
const visible = (token) => SIGNS.get(token) ?? (/^\p{M}/u.test(token)
  ? `◌${token}` : /^[\p{C}\p{Z}]/u.test(token)
    ? `U+${token.codePointAt(0).toString(16).toUpperCase()}` : token);

function make(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Return a colour for a number from -1 to 1, as red, green, blue and the share
// of it, from 0 for none.
function colourOf(x) {
  return [...(x < 0 ? [40, 120, 255] : [255, 120, 0]),
          Math.min(Math.abs(x), 1) * 0.6];
}

// Show the tokens of a reading from a place on, coloured by a number each; null
// and NaN have no colour. What is shown already is left as it is.
function showTokens(reading, colours, begin = 0) {
  const shown = element("shown");
  while (shown.childElementCount > reading.tokens.length) {
    shown.lastChild.remove();
  }
  for (let i = begin; i < reading.tokens.length; i++) {
    let span = shown.children[i];
    if (!span) {
      span = make("span");
      span.dataset.place = i;
      shown.append(span);
    }
    const token = reading.spelled(reading.tokens[i]);
    const { known } = reading.about[i];
    const colour = `rgba(${colourOf(colours?.[i] || 0)})`;
    const look = `${colour} ${known} ${token}`;
    if (span.look === look) continue;
    span.look = look;
    span.textContent = token === "\n" ? "⏎\n" : token;
    span.className = known ? "" : "unknown";
    span.style.backgroundColor = colour;
  }
}

// Mark the token that is looked at, if it is shown.
function showPlace(place) {
  const shown = element("shown");
  shown.querySelector(".chosen")?.classList.remove("chosen");
  const span = shown.children[place];
  if (!span) return;
  span.classList.add("chosen");
  // not scrollIntoView, which scrolls a page around this one, too
  const below = span.offsetTop + span.offsetHeight - shown.clientHeight;
  shown.scrollTop = Math.max(below, Math.min(shown.scrollTop, span.offsetTop));
}

// Show what the models expected at a place in the text; the first one writes.
function showExpected(readings, place, temperature, take) {
  const [writer] = readings;
  element("where").textContent = place < writer.tokens.length
    ? say("at place", { place: place + 1 }) : say("next");
  element("was").textContent = judged(writer, place);
  element("instead").hidden = !writer.stepsAt(place);
  // the others, unless they cut the text in another way, or read less of it
  const shown = readings.filter(({ level, tokens }) =>
    level === writer.level && tokens.length >= Math.min(
      place + 1, writer.tokens.length));
  element("bars").replaceChildren(...shown.flatMap((reading, i) => [
    ...(shown.length > 1 ? [make("h3", reading.model.name)] : []),
    ...(i ? [make("p", judged(reading, place))] : []),
    barsOf(reading, place, temperature, take)]));
}

// Say how a model judged the token at a place.
function judged(reading, place) {
  const about = reading.about[place];
  if (!about) return "";
  // set apart, for letters that are written from right to left
  const token = `\u2068${visible(reading.tokens[place])}\u2069`;
  return about.id < 0 ? say("was unknown", { token })
    : !about.steps ? say("first")
    : say("was", { token, bits: rounded(about.bits), rank: about.rank });
}

// Return a list of bars: the probabilities of the next token at a place.
function barsOf(reading, place, temperature, take) {
  const about = reading.about[place], scores = reading.scoresAt(place);
  const bars = make("ol");
  if (!scores) return bars;
  const chances = probabilities(scores, temperature || 1);
  const best = ranked(chances).slice(0, 12);
  if (about && about.id >= 0 && !best.includes(about.id)) best.push(about.id);
  for (const id of best) {
    const item = make("li"), button = make("button");
    const bar = make("span", "", "bar");
    bar.style.width = `${100 * chances[id]}%`;
    const other = reading.model.vocabulary[id];
    button.append(make("bdi", visible(other), "token"), bar,
                  make("span", `${rounded(100 * chances[id], 1)} %`, "share"));
    button.classList.toggle("was", about?.id === id);
    button.disabled = id === reading.unknown;
    button.onclick = () => take(place, other);
    item.append(button);
    bars.append(item);
  }
  return bars;
}

// Return numbers divided by the largest, if that is above 1; null stays.
function scaled(values) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  return values.map((value) => value === null ? null : value / most);
}

// Draw a letter's units over the tokens around a place.
function drawHeat(reading, place, { layer, letter, unit }) {
  const canvas = element("heat"), { network } = reading.model;
  const width = canvas.clientWidth || 800, scale = devicePixelRatio || 1;
  const columns = Math.min(reading.tokens.length, Math.floor(width / 11));
  const begin = Math.max(0, Math.min(place - Math.floor(columns / 2),
                                     reading.tokens.length - columns));
  const n = network.numHiddens, rowHeight = Math.max(2, Math.min(12, 360 / n));
  const height = n * rowHeight + 22;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = columns ? `${height}px` : "0";
  Object.assign(canvas.dataset, { begin, columns, rowHeight });
  if (!columns) return;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  pen.scale(scale, scale);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, width, height);
  pen.font = "12px monospace";
  pen.textAlign = "center";
  for (let column = 0; column < columns; column++) {
    pen.fillStyle = style.color;
    pen.fillText(visible(reading.tokens[begin + column]).slice(0, 2),
                 column * 11 + 5.5, height - 6);
  }
  const pixels = new ImageData(columns, n);
  for (let row = 0; row < n; row++) {
    scaled(reading.unit(layer, letter, row, begin, begin + columns)).forEach(
      (value, column) => {
        const [red, green, blue, share] = colourOf(value ?? 0);
        pixels.data.set([red, green, blue, 255 * share],
                        4 * (row * columns + column));
      });
  }
  const small = new OffscreenCanvas(columns, n);
  small.getContext("2d").putImageData(pixels, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, columns * 11, n * rowHeight);
  pen.strokeStyle = style.color;
  pen.strokeRect(0.5, unit * rowHeight, columns * 11 - 1, rowHeight);
  if (place < begin + columns) {
    pen.strokeRect((place - begin) * 11 + 0.5, 0.5, 10, height - 1);
  }
}

function showMeasures(readings) {
  element("measures").replaceChildren(...readings.flatMap((reading) => {
    const measures = reading.measures();
    const { perplexity, bitsPerChar, count, unknown } = measures;
    if (!reading.tokens.length) return [];
    const line = make("p", say("measured", {
      name: reading.model.name, count, perplexity: rounded(perplexity, 3),
      bits: rounded(bitsPerChar, 3) }));
    return unknown ? [line, make("p", say("unknown", { count: unknown }))]
      : [line];
  }));
}

function saveAs(name, blob) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
