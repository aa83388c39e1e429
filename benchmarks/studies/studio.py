"""Record how fast the studio is: ``python -m benchmarks.studies.studio``.

Models without training are opened in Chromium, with and without WebAssembly.
The page is timed as it opens, as it writes 400 characters after one, and as it
shows a character that is typed after 300. It needs the packages chromium and
chromium-driver, and nothing else should run meanwhile.
"""
import re
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import RECORDS, machine

RESULTS = RECORDS / "studio.md"
# layers, hidden units, characters in the vocabulary
MODELS = ((1, 128, 58), (1, 256, 1383), (2, 512, 65))
WASM = "'wasm-unsafe-eval'"
TYPE = """
const done = arguments[0], box = document.getElementById("text"), times = [];
const [reading] = studio.readings, shown = document.getElementById("shown");
const input = () => box.dispatchEvent(new Event("input"));
const wait = (condition, then) => condition() ? then()
  : setTimeout(() => wait(condition, then));
box.value = reading.model.vocabulary[0].repeat(300);
input();
wait(() => shown.childElementCount === 300, function type() {
  const begin = performance.now(), before = shown.childElementCount;
  box.value += reading.model.vocabulary[1];
  input();
  wait(() => shown.childElementCount > before, () => {
    times.push(performance.now() - begin);
    if (times.length < 21) setTimeout(type, 20);
    else done(times);
  });
});
"""


def start():
    """Return a driver of Chromium without a window."""
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(
        shutil.which("chromedriver")))


def save(path, num_layers, num_hiddens, vocab_size):
    """Save an LSTM without training."""
    import d2lrnn as d2l
    model = d2l.CharRNN(vocab_size, 64, num_hiddens, num_layers)
    model.initialize()
    model.idx_to_char = [chr(0x4e00 + i) for i in range(vocab_size)]
    d2l.save_model(path, model)


def written(browser, number=400):
    """Let the page write; return how many characters a second it says."""
    browser.execute_script(
        "const box = document.getElementById('text'); box.value = "
        "studio.readings[0].model.vocabulary[0]; box.dispatchEvent(new Event("
        "'input')); document.getElementById('length').value = arguments[0]; "
        "document.getElementById('status').textContent = ''; "
        "document.getElementById('write').click()", number)
    while True:
        time.sleep(0.1)
        said = browser.find_element("id", "status").text
        if found := re.findall(r"\d+", said):
            return int(found[-1])


def measure(browser, page):
    """Return megabytes, seconds to open, characters a second, ms a key."""
    browser.get("about:blank")
    begin = time.perf_counter()
    browser.get(page.as_uri())
    seconds = time.perf_counter() - begin
    speed = median(written(browser) for _ in range(5))
    return (page.stat().st_size / 1e6, seconds, speed,
            median(browser.execute_async_script(TYPE)))


def to_markdown(rows, record):
    """Return a page with the table."""
    return "\n".join([
        "# How fast the studio is", "",
        f"LSTMs without training, in Chromium; medians, but each page was "
        f"opened once; {machine(record)}; {record['date']}.", "",
        "| model | products in | MB | seconds to open | characters a second "
        "| ms a key |", "|---|---|---:|---:|---:|---:|",
        *(f"| {model} | {way} | {size:.1f} | {seconds:.2f} | {speed:,.0f} | "
          f"{key:.0f} |" for model, way, (size, seconds, speed, key) in rows),
    ]) + "\n"


def main():
    """Measure all models, and write the page."""
    from d2lrnn.basics.environment import machine_record
    from d2lrnn.export.page import to_page
    rows, browser = [], start()
    with tempfile.TemporaryDirectory() as folder:
        path, page = Path(folder, "model.safetensors"), Path(folder, "a.html")
        for sizes in MODELS:
            save(path, *sizes)
            html = to_page([path], language="en")
            for way, text in (("WebAssembly", html),
                              ("JavaScript", html.replace(WASM, ""))):
                page.write_text(text, "utf-8")
                name = "{} x {}, {:,} characters".format(*sizes)
                rows.append((name, way, measure(browser, page)))
    browser.quit()
    RESULTS.write_text(to_markdown(rows, machine_record()), "utf-8")
    print(RESULTS.read_text("utf-8"))


if __name__ == "__main__":
    main()
