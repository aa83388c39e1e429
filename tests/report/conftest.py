"""What the tests of the report share: the fonts of a machine."""
import pytest
from d2lrnn.report import labels
from matplotlib import font_manager


@pytest.fixture
def fonts(tmp_path):
    """Return a function that gives this machine a font of some characters.

    Until then it has the usual one alone.
    """
    builder = pytest.importorskip("fontTools.fontBuilder")
    pens = pytest.importorskip("fontTools.pens.ttGlyphPen")
    before = list(font_manager.fontManager.ttflist)

    def add(characters):
        pen = pens.TTGlyphPen(None)
        for move, point in zip([pen.moveTo, pen.lineTo, pen.lineTo], [
                (0, 0), (500, 900), (900, 0)], strict=True):
            move(point)
        pen.closePath()
        characters = sorted(set(characters))
        glyph, names = pen.glyph(), [f"g{ord(char)}" for char in characters]
        font = builder.FontBuilder(1000, isTTF=True)
        font.setupGlyphOrder([".notdef", *names])
        font.setupCharacterMap(dict(zip(map(ord, characters), names,
                                        strict=True)))
        font.setupGlyf(dict.fromkeys([".notdef", *names], glyph))
        font.setupHorizontalMetrics(dict.fromkeys([".notdef", *names],
                                                  (1000, 0)))
        font.setupHorizontalHeader(ascent=900, descent=-100)
        font.setupNameTable({"familyName": "Of the test",
                             "styleName": "Regular"})
        font.setupOS2()
        font.setupPost()
        font.save(tmp_path / "test.ttf")
        font_manager.fontManager.addfont(tmp_path / "test.ttf")
        labels.fonts_for.cache_clear()

    labels.fonts_for.cache_clear()
    font_manager.fontManager.ttflist[:] = [
        font for font in before if font.name.startswith("DejaVu")]
    yield add
    font_manager.fontManager.ttflist[:] = before
    labels.fonts_for.cache_clear()
