// What happens when the reader does something, and when the page opens.

// Keep the page's state in its address, and take it from there.
function keepAddress() {
  clearTimeout(page.keeping);
  page.keeping = setTimeout(writeAddress, 200);
}

function writeAddress() {
  const state = { text: element("text").value, writer: page.writer, language };
  if (page.place < Infinity) state.place = page.place;
  for (const id of Object.keys({ ...SETTINGS, ...CHOICES })) {
    state[id] = element(id).value;
  }
  history.replaceState(null, "", `#${new URLSearchParams(state)}`);
}

function takeAddress() {
  const state = new URLSearchParams(location.hash.slice(1));
  const writer = Number(state.get("writer"));
  if (page.readings.length) prepare(page.readings[writer] ? writer : 0);
  for (const [id, value] of Object.entries({ ...SETTINGS, ...CHOICES })) {
    element(id).value = state.get(id) ?? value;
    if (!element(id).value && value) element(id).value = value;
  }
  if (Object.hasOwn(LANGUAGES, state.get("language"))) {
    language = state.get("language");
  }
  element("language").value = language;
  setText(state.get("text") ?? beginning(reader()?.model));
  page.place = Number(state.get("place") ?? Infinity) || 0;
  sayAll();
  showModels();
}

function connect() {
  const on = (id, event, action) => element(id).addEventListener(event, action);
  on("text", "input", type);
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
  on("file", "change", ({ target }) => {
    open(target.files[0]);
    target.value = ""; // so that the same file can be opened again
  });
  for (const id of Object.keys({ ...SETTINGS, ...CHOICES })) {
    on(id, "input", () => showAgain(id in CHOICES));
  }
  on("language", "input", ({ target }) => {
    language = target.value;
    sayAll();
    element("found").replaceChildren();
    showModels();
    show();
  });
  connectShown();
  matchMedia("(prefers-color-scheme: dark)").addEventListener(
    "change", () => showAgain(false));
  addEventListener("resize", () => showAgain(false));
  addEventListener("hashchange", () => {
    takeAddress();
    read();
  });
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      if (name === "drop") open(event.dataTransfer.files[0]);
    });
  }
}

// The text that is read answers to the pointer and to the arrow keys.
function connectShown() {
  const shown = element("shown"), heat = element("heat");
  shown.addEventListener("click", ({ target }) => {
    if (target.dataset.place) look(Number(target.dataset.place));
  });
  shown.addEventListener("pointermove", ({ target, pointerType }) => {
    if (pointerType === "mouse" && target.dataset.place && !page.writing) {
      expect(Number(target.dataset.place));
    }
  });
  shown.addEventListener("pointerleave", () => {
    if (reader()) expect(lookedAt());
  });
  shown.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !reader()) return;
    event.preventDefault();
    const next = lookedAt() + step;
    look(next < reader().tokens.length ? next : Infinity);
  });
  heat.addEventListener("click", ({ offsetX, offsetY }) => {
    const { begin, columns, rowHeight } = heat.dataset;
    const { numHiddens } = reader().model.network;
    element("unit").value = Math.min(Math.floor(offsetY / rowHeight),
                                     numHiddens - 1);
    page.place = Number(begin) + Math.min(Math.floor(offsetX / 11),
                                          columns - 1);
    showAgain(true);
  });
}

trying(() => {
  connect();
  sayAll();
  for (const { name, data } of JSON.parse(element("embedded").textContent)) {
    addModel(readModel(name, fromBase64(data)));
  }
  takeAddress();
  read();
})();

// a line end, if the model knows it; else a space, or its first token
function beginning(model) {
  const known = (model?.vocabulary.filter((token) => token !== UNKNOWN) ?? [])
    .map((token) => token === EOS ? "\n" : token);
  return ["\n", " "].find((token) => known.includes(token)) ?? known[0] ?? "";
}
