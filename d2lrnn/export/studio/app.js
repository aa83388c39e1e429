// The page: one text, one or two models that read it, and one that writes.

const SETTINGS = { temperature: "0.8", top_k: "", top_p: "", seed: "",
                   length: "200", until: "", value: "1" };
const CHOICES = { colour: "surprise", letter: "H", layer: "0", unit: "0",
                  property: "space", pattern: "" };
const page = { readings: [], writer: 0, place: Infinity, text: "", undo: [],
               typing: false, run: 0, writing: false, stop: false };
// for the console
window.studio = Object.assign(page, { choose, drawAt, search });
const reader = () => page.readings[page.writer];
const writerFirst = () => [reader(), ...page.readings.filter(
  (reading) => reading !== reader())];
// the place that is looked at; Infinity stands for the end of the text
const lookedAt = () => Math.min(page.place, reader().tokens.length);
const number = (id) => element(id).value === "" ? null
  : Number(element(id).value);
// the array and the unit that are looked at
const chosen = () => ({
  layer: number("layer"), letter: element("letter").value,
  unit: Math.max(0, Math.min(Math.floor(number("unit") ?? 0),
                             reader().model.network.numHiddens - 1)) });

function status(words) {
  element("status").textContent = words;
}

// Run what may fail with a sentence for the reader.
function trying(action) {
  return async (...values) => {
    try {
      await action(...values);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      status(error.message);
    }
  };
}

// Let the page answer; return whether another run has begun meanwhile.
async function pause(run) {
  await new Promise((resolve) => setTimeout(resolve));
  return run !== page.run;
}

// Let the models read the text; return whether no other run came between.
function read() {
  status("");
  return readOn(++page.run, page.readings);
}

// The same with some of the models, in a run that has begun.
async function readOn(run, readings) {
  const text = element("text").value;
  page.writing = false;
  showButtons();
  for (const reading of readings) {
    const whole = await reading.read(text, () => pause(run));
    if (run !== page.run) return false;
    if (!whole) status(say("too long", { count: reading.most }));
  }
  show();
  return true;
}

// Write with the model; one step, or as many as are asked for.
const write = trying(async (steps) => {
  if (page.writing) return void (page.stop = true);
  checkSettings();
  const held = element("hold").checked
    ? { ...chosen(), value: number("value") ?? 0 } : null;
  if (!held) reader()?.letGo();
  if (!await read()) return;
  const reading = reader(), run = ++page.run;
  if (!reading?.ids.length) throw new Problem(say("nothing known"));
  if (reading.tokens.length >= reading.most) {
    throw new Problem(say("too long", { count: reading.most }));
  }
  remember();
  page.writing = true;
  page.stop = false;
  showButtons();
  const settings = {
    temperature: number("temperature"), topK: number("top_k"),
    topP: number("top_p"), banned: reading.unknown };
  const seed = number("seed") ?? Math.floor(Math.random() * 2 ** 31);
  const until = element("until").value;
  let begin = performance.now(), end = "", count = 0;
  const start = begin;
  while (count < steps && reading.tokens.length < reading.most &&
         !page.stop) {
    const id = choose(reading.next(), settings,
                      drawAt(seed, reading.tokens.length));
    const token = reading.model.vocabulary[id];
    reading.add(token, held);
    count++;
    end = until && (end + reading.spelled(token)).slice(-until.length);
    if (until && end === until) break;
    if (performance.now() - begin > 60) {
      showWritten(reading);
      if (await pause(run)) return;
      begin = performance.now();
    }
  }
  showWritten(reading);
  status(say("wrote", { count, speed: Math.round(
    1000 * count / (performance.now() - start)) }));
  await readOn(run, page.readings.filter((other) => other !== reading));
});

// Refuse a setting outside its range.
function checkSettings() {
  for (const id of Object.keys(SETTINGS)) {
    const field = element(id);
    if (!field.checkValidity()) {
      throw new Problem(say("bad number", {
        name: field.labels[0]?.textContent.trim() ?? say("hold"),
        what: field.validationMessage }));
    }
  }
}

// Show what is new while the model writes.
function showWritten(reading) {
  const shown = element("shown");
  setText(reading.text());
  page.place = Infinity;
  showTokens(reading, null, shown.childElementCount);
  shown.scrollTop = shown.scrollHeight;
}

// Let Undo return to the text as it is.
function remember() {
  page.undo.push(page.text);
  page.undo.splice(0, page.undo.length - 100);
}

function setText(text) {
  element("text").value = page.text = text;
  page.typing = false;
}

// What is typed without a break is undone at once.
function type() {
  if (!page.typing) remember();
  page.typing = true;
  page.text = element("text").value;
  read();
}

function undo() {
  if (!page.undo.length) return;
  setText(page.undo.pop());
  read();
}

// Put a token in the place of another, and leave out what followed.
async function take(place, token) {
  if (!await read()) return;
  remember();
  const reading = reader();
  setText(reading.text([...reading.tokens.slice(0, place), token]));
  page.place = Infinity;
  element("text").focus();
  read();
}

// Return a number from -1 to 1 for each token, after the chosen colouring.
function coloursOf(reading) {
  const colour = element("colour").value;
  if (colour === "surprise") return reading.about.map(({ bits }) => bits / 10);
  if (colour === "unit") {
    const { layer, letter, unit } = chosen();
    return scaled(reading.unit(layer, letter, unit));
  }
  if (colour === "gradient") {
    const parts = reading.saliency(page.place);
    const most = Math.max(...(parts ?? []).map(Math.abs));
    return parts?.map((part) => part / most);
  }
  if (colour === "difference" && page.readings.length === 2) {
    const [first, second] = page.readings;
    if (first.level !== second.level) {
      status(say("other tokens"));
      return null;
    }
    return first.about.map(({ bits }, i) =>
      (second.about[i]?.bits - bits) / 5 || 0);
  }
  return null;
}

// Show what was read.
function show() {
  showMeasures(page.readings);
  showAgain(true);
}

// Show what depends on the settings; if `coloured`, the colours as well.
function showAgain(coloured) {
  showButtons();
  if (reader()) look(page.place, coloured);
}

// Look at one place of the text. The gradient's colours depend on it.
function look(at, coloured = element("colour").value === "gradient") {
  const reading = reader();
  page.place = Math.max(0, at);
  const place = lookedAt();
  if (coloured) showTokens(reading, coloursOf(reading));
  showPlace(place);
  expect(place);
  drawHeat(reading, place, chosen());
  keepAddress();
}

function expect(place) {
  showExpected(writerFirst(), place, number("temperature"), take);
}

function showButtons() {
  element("write").textContent = say(page.writing ? "stop" : "write");
  element("degrees").textContent = rounded(number("temperature"));
  element("undo").disabled = !page.undo.length;
  element("pattern_label").hidden = element("property").value !== "pattern";
  document.querySelector("[value=difference]").disabled =
    page.readings.length < 2;
}

// Add a model, or put it in the place of the second one.
function addModel(model) {
  page.readings.splice(1, 1, new Reading(model));
  chooseWriter(page.writer);
}

function chooseWriter(writer) {
  prepare(writer);
  read();
}

// Offer the layers, arrays and units of a model.
function prepare(writer) {
  page.writer = writer;
  const { network } = reader().model;
  fill("layer", network.layers.map((_, i) => [i, i + 1]));
  fill("letter", network.letters.map((letter) => [letter, letter.replace(
    "_tilde", "\u0303")]));
  element("unit").max = network.numHiddens - 1;
  element("unit").value = chosen().unit;
  element("found").replaceChildren();
  showModels();
}

function fill(id, options) {
  const select = element(id), before = select.value;
  select.replaceChildren(...options.map(([value, text]) => {
    const option = make("option", text);
    option.value = value;
    return option;
  }));
  if (options.some(([value]) => String(value) === before)) {
    select.value = before;
  }
}

function showModels() {
  element("open").textContent = say(["open", "second", "replace"][
    page.readings.length]);
  element("heat").setAttribute("aria-label", say("heat"));
  element("shown").setAttribute("aria-label", say("as read"));
  element("models").setAttribute("aria-label", say("writes"));
  element("models").replaceChildren(...page.readings.flatMap(({ model }, i) => {
    const label = make("label"), radio = make("input");
    Object.assign(radio, { type: "radio", name: "writer",
                           checked: i === page.writer });
    radio.onchange = () => chooseWriter(i);
    const { config } = model;
    label.append(radio, make("bdi", model.name, "name"), make("span", say(
      "facts", { cell: config.cell, layers: config.num_layers,
                 hiddens: config.num_hiddens,
                 vocab: model.vocabulary.length }), "hint"));
    if (i === 1) {
      const close = make("button", say("remove"));
      close.onclick = () => {
        page.readings.pop();
        chooseWriter(0);
      };
      return [label, close];
    }
    return [label];
  }));
}

const open = trying(async (file) => {
  if (!file) return;
  if (file.size > 5e8) throw new Problem(say("too large"));
  const buffer = await file.arrayBuffer().catch(() => {
    throw new Problem(say("broken file", { what: file.name }));
  });
  addModel(readModel(file.name, buffer));
  status(say("opened", { name: file.name }));
});

const find = trying(async () => {
  const reading = reader(), list = element("found");
  status("");
  list.replaceChildren();
  if (!reading.ids.length) throw new Problem(say("nothing known"));
  const values = await PROPERTIES[element("property").value](
    reading.tokens.map((token) => reading.spelled(token)),
    element("pattern").value);
  if (values.length !== reading.tokens.length) return; // the text has changed
  if (new Set(values).size < 2) throw new Problem(say("nothing to find"));
  list.replaceChildren(...search(reading, values).map((found) => {
    const { layer, letter, unit, correlation } = found;
    const item = make("li"), button = make("button", say("found", {
      letter: letter.replace("_tilde", "\u0303"), layer: layer + 1, unit,
      correlation: rounded(correlation) }));
    button.onclick = () => {
      Object.entries({ layer, letter, unit, colour: "unit" }).forEach(
        ([id, value]) => { element(id).value = value; });
      showAgain(true);
    };
    item.append(button);
    return item;
  }));
});
