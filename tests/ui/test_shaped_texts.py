import numpy as np
import pytest
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QFontMetrics, QImage, QPainter

from cnnviz.ui.shaped_texts import ShapedTexts
from cnnviz.ui.theme import theme

BOX = QRectF(10, 4, 120, 24)


def ink(paint) -> np.ndarray:
    """How much ``paint(painter)`` blackens each pixel, floats (40, 160) in [0, 1]."""
    image = QImage(160, 40, QImage.Format.Format_Grayscale8)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint(painter)
    painter.end()
    memory = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(memory, np.uint8).reshape(40, -1)[:, :160] / -255 + 1


def middle(dark: np.ndarray) -> np.ndarray:
    return np.array([(where * dark).sum() / dark.sum() for where in np.indices(dark.shape)])


@pytest.mark.parametrize("across", ["AlignLeft", "AlignRight", "AlignHCenter"])
@pytest.mark.parametrize("role", ["tiny", "small", "title"])
def test_a_text_stands_where_qt_would_write_it(qapp, across, role):
    flag, font, texts = getattr(Qt.AlignmentFlag, across), theme().font(role), ShapedTexts()

    def shaped(painter):
        texts.use(painter, font)
        texts.draw(painter, BOX, "−12.5 px", flag)

    def written(painter):
        painter.setFont(font)
        painter.drawText(BOX, flag | Qt.AlignmentFlag.AlignVCenter, "−12.5 px")

    assert middle(ink(shaped)) == pytest.approx(middle(ink(written)), abs=1)
    assert ink(shaped).sum() == pytest.approx(ink(written).sum(), rel=0.05)


def test_another_font_makes_the_texts_anew(qapp):
    texts, image = ShapedTexts(), QImage(8, 8, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    widths = []
    for role in ("tiny", "number", "tiny"):
        texts.use(painter, theme().font(role))
        widths.append(texts.width("0.123"))
    painter.end()
    assert widths[0] == widths[2] < widths[1]
    assert widths[1] == pytest.approx(QFontMetrics(theme().font("number")).horizontalAdvance("0.123"), abs=1)


def test_texts_that_never_come_again_are_not_kept_for_ever(qapp):
    texts, image = ShapedTexts(), QImage(8, 8, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    for number in range(3 * ShapedTexts.MOST):
        texts.use(painter, theme().font("tiny"))
        texts.width(str(number))
    painter.end()
    assert len(texts._texts) <= ShapedTexts.MOST + 1
