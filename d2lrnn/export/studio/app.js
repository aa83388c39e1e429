// The page: one text, one or two models that read it, and one that writes.

const SETTINGS = { temperature: "0.8", top_k: "", top_p: "", seed: "",
                   length: "200", until: "" };
const CHOICES = { colour: "surprise", letter: "H", layer: "0", unit: "0",
                  property: "space", pattern: "", value: "1" };
const page = { readings: [], writer: 0, place: 0, undo: [], run: 0,
               writing: false };
window.studio = Object.assign(page, { choose, drawAt }); // for the console
const reader = () => page.readings[page.writer];
const number = (id) => element(id).value === "" ? null
  : Number(element(id).value);

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

async function read() {
  const run = ++page.run, text = element("text").value;
  page.writing = false;
  showButtons();
  for (const reading of page.readings) {
    const whole = await reading.read(text, () => pause(run));
    if (run !== page.run) return;
    if (!whole) status(say("too long", { count: reading.most }));
  }
  page.place = Math.min(page.place, reader()?.tokens.length ?? 0);
  show();
}

// Write with the model; one step, or as many as are asked for.
const write = trying(async (steps) => {
  if (page.writing) return page.run++, read();
  await read();
  const reading = reader(), run = ++page.run;
  if (!reading?.ids.length) throw new Problem(say("nothing known"));
  remember();
  page.writing = true;
  showButtons();
  const settings = {
    temperature: number("temperature"), topK: number("top_k"),
    topP: number("top_p"), banned: reading.unknown };
  const seed = number("seed") ?? Math.floor(Math.random() * 2 ** 31);
  const held = element("hold").checked ? { layer: number("layer"),
    unit: number("unit"), value: number("value") ?? 0 } : null;
  const until = element("until").value;
  let begin = performance.now(), end = "", count = 0;
  const start = begin;
  while (count < steps && reading.tokens.length < reading.most) {
    const id = choose(reading.next(), settings,
                      drawAt(seed, reading.tokens.length));
    const token = reading.model.vocabulary[id];
    reading.add(token, held);
    count++;
    end = until && (end + token).slice(-until.length);
    if (until && end === until) break;
    if (performance.now() - begin > 60) {
      showWritten(reading);
      if (await pause(run)) return;
      begin = performance.now();
    }
  }
  element("text").value = reading.tokens.join("");
  page.place = reading.tokens.length;
  status(say("wrote", { count, speed: Math.round(
    1000 * count / (performance.now() - start)) }));
  await readOther(run);
});

// Show what is new while the model writes.
function showWritten(reading) {
  const shown = element("shown");
  showTokens(reading, null, shown.childElementCount);
  shown.scrollTop = shown.scrollHeight;
}

// Let the other model read what was written. A clamped unit stays in the
// states until the text is changed.
async function readOther(run) {
  page.writing = false;
  const text = element("text").value;
  for (const reading of page.readings) {
    if (reading !== reader()) await reading.read(text, () => pause(run));
    if (run !== page.run) return;
  }
  show();
}

function remember() {
  page.undo.push(element("text").value);
  page.undo.splice(0, page.undo.length - 100);
}

function undo() {
  if (!page.undo.length) return;
  element("text").value = page.undo.pop();
  read();
}

// Put a token in the place of another, and leave out what followed.
function take(place, token) {
  remember();
  const { tokens } = reader();
  element("text").value = tokens.slice(0, place).join("") + token;
  page.place = place + 1;
  read();
}

// Return a number from -1 to 1 for each token, after the chosen colouring.
function coloursOf(reading) {
  const chosen = element("colour").value;
  if (chosen === "surprise") return reading.about.map(({ bits }) => bits / 10);
  if (chosen === "unit") {
    return scaled(reading.unit(number("layer"), element("letter").value,
                               number("unit")));
  }
  if (chosen === "gradient") {
    const parts = reading.saliency(page.place);
    const most = Math.max(...(parts ?? []).map(Math.abs));
    return parts?.map((part) => part / most);
  }
  if (chosen === "difference" && page.readings.length === 2) {
    const [first, second] = page.readings.map(({ about }) => about);
    return first.map(({ bits }, i) => (second[i]?.bits - bits) / 5 || 0);
  }
  return null;
}

function show() {
  const reading = reader();
  showButtons();
  if (!reading) return;
  showTokens(reading, coloursOf(reading));
  showMeasures(page.readings);
  look(page.place);
  keepAddress();
}

// Look at one place of the text.
function look(place) {
  const reading = reader();
  page.place = Math.max(0, Math.min(place, reading.tokens.length));
  if (element("colour").value === "gradient") {
    showTokens(reading, coloursOf(reading));
  }
  showPlace(page.place);
  showBars(reading, page.place, number("temperature"), take);
  drawHeat(reading, page.place, { layer: number("layer"),
    letter: element("letter").value, unit: number("unit") });
}

function showButtons() {
  element("write").textContent = say(page.writing ? "stop" : "write");
  element("degrees").textContent = rounded(number("temperature"));
  element("undo").disabled = !page.undo.length;
  element("pattern_label").hidden = element("property").value !== "pattern";
}

// Add a model, or put it in the place of the second one.
function addModel(model) {
  page.readings.splice(1, 1, ...(page.readings.length ? [new Reading(model)]
    : []));
  if (!page.readings.length) page.readings.push(new Reading(model));
  chooseWriter(page.readings.length === 1 ? 0 : page.writer);
}

function chooseWriter(writer) {
  page.writer = writer;
  const { network } = reader().model;
  fill("layer", network.layers.map((_, i) => [i, i + 1]));
  fill("letter", network.letters.map((letter) => [letter, letter.replace(
    "_tilde", "\u0303")]));
  element("unit").max = network.numHiddens - 1;
  element("unit").value = Math.min(number("unit"), network.numHiddens - 1);
  element("heat").setAttribute("aria-label", say("heat"));
  showModels();
  read();
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
  element("open").textContent = say(page.readings.length ? "second" : "open");
  element("models").replaceChildren(...page.readings.map(({ model }, i) => {
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
      label.append(close);
    }
    return label;
  }));
}

const open = trying(async (file) => {
  if (!file) return;
  if (file.size > 5e8) throw new Problem(say("too large"));
  addModel(readModel(file.name, await file.arrayBuffer()));
  status(say("opened", { name: file.name }));
});

const find = trying(() => {
  const reading = reader(), list = element("found");
  const values = PROPERTIES[element("property").value](
    reading.tokens, element("pattern").value);
  list.replaceChildren();
  if (new Set(values).size < 2) throw new Problem(say("nothing to find"));
  for (const { layer, letter, unit, correlation } of search(reading, values)) {
    const item = make("li"), button = make("button", say("found", {
      letter: letter.replace("_tilde", "\u0303"), layer: layer + 1, unit,
      correlation: rounded(correlation) }));
    button.onclick = () => {
      Object.entries({ layer, letter, unit, colour: "unit" }).forEach(
        ([id, value]) => { element(id).value = value; });
      show();
    };
    item.append(button);
    list.append(item);
  }
});

// Keep the page's state in its address, and take it from there.
function keepAddress() {
  const state = { text: element("text").value, place: page.place };
  for (const id of Object.keys({ ...SETTINGS, ...CHOICES })) {
    state[id] = element(id).value;
  }
  if (state.text.length > 4000) delete state.text;
  history.replaceState(null, "", `#${new URLSearchParams(state)}`);
}

function takeAddress() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [id, value] of Object.entries({ ...SETTINGS, ...CHOICES })) {
    element(id).value = state.get(id) ?? value;
    if (!element(id).value && value) element(id).value = value;
  }
  page.place = Number(state.get("place") ?? Infinity) || 0;
  return state.get("text");
}

function connect() {
  const on = (id, event, action) => element(id).addEventListener(event, action);
  on("text", "input", read);
  on("text", "keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      write(number("length"));
    }
  });
  on("write", "click", () => write(number("length")));
  on("step", "click", () => write(1));
  on("undo", "click", undo);
  on("save", "click", () => saveAs("text.txt", new Blob(
    [element("text").value], { type: "text/plain" })));
  on("picture", "click", () => element("heat").toBlob(
    (blob) => saveAs("states.png", blob)));
  on("search", "click", find);
  on("file", "change", ({ target }) => open(target.files[0]));
  for (const id of Object.keys({ ...SETTINGS, ...CHOICES })) {
    on(id, "input", show);
  }
  on("language", "input", ({ target }) => {
    language = target.value;
    sayAll();
    element("found").replaceChildren();
    showModels();
    show();
  });
  connectShown();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  addEventListener("resize", show);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
}

// The text that is read answers to the pointer and to the arrow keys.
function connectShown() {
  const shown = element("shown"), heat = element("heat");
  shown.addEventListener("click", ({ target }) => {
    if (target.dataset.place) look(Number(target.dataset.place));
  });
  shown.addEventListener("pointermove", ({ target, pointerType }) => {
    if (pointerType === "mouse" && target.dataset.place && !page.writing) {
      showBars(reader(), Number(target.dataset.place), number("temperature"),
               take);
    }
  });
  shown.addEventListener("pointerleave", () => look(page.place));
  shown.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    look(page.place + step);
    keepAddress();
  });
  heat.addEventListener("click", ({ offsetX, offsetY }) => {
    const { begin, columns, rowHeight } = heat.dataset;
    const { numHiddens } = reader().model.network;
    element("unit").value = Math.min(Math.floor(offsetY / rowHeight),
                                     numHiddens - 1);
    page.place = Number(begin) + Math.min(Math.floor(offsetX / 11),
                                          columns - 1);
    show();
  });
}

trying(() => {
  element("language").value = language;
  const text = takeAddress();
  sayAll();
  connect();
  const models = JSON.parse(element("embedded").textContent);
  const [first] = models.map(({ name, data }) => {
    const model = readModel(name, fromBase64(data));
    addModel(model);
    return model;
  });
  element("text").value = text ?? beginning(first);
  showModels();
  showButtons();
  read();
})();

// a line end, if the model knows it; else a space, or its first token
function beginning(model) {
  const known = model?.vocabulary.filter((token) => token !== UNKNOWN) ?? [];
  return ["\n", " "].find((token) => known.includes(token)) ?? known[0] ?? "";
}
