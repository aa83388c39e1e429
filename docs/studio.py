"""The studio on the book's pages, and the model in it.

``python docs/studio.py`` trains the model, on a text that ships: about half a
minute on two cores.
"""
from pathlib import Path

FILE = Path(__file__).with_name("sonnets.safetensors")
LANGUAGES = {"en": "en", "zh_CN": "zh-CN"}


def train():
    """Train the model, and keep its weights as float16."""
    import tempfile

    import d2lrnn as d2l
    from d2lrnn.export.page import embedded
    corpus = d2l.load_corpus("original_sonnets.txt")
    d2l.seed(1)
    model = d2l.CharRNN(corpus.vocab_size, 32, 128, 1, dropout=0.3)
    with tempfile.TemporaryDirectory() as run:
        d2l.fit(model, corpus, num_epochs=40, lr=1e-2, batch_size=20,
                num_steps=50, schedule="one_cycle", held_out=0.1, seed=1,
                folder=run)
        FILE.write_bytes(embedded(Path(run, "best.safetensors"), False))


def write_page(app, exception):
    """Write the studio beside the book's pages, which show it in a frame."""
    from d2lrnn.export.page import to_page
    if exception is None and app.builder.format == "html":
        page = to_page([FILE], language=LANGUAGES[app.config.language])
        Path(app.outdir, "_static", "studio.html").write_text(page, "utf-8")


if __name__ == "__main__":
    train()
