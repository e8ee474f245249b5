"""The two scenes, against NumPy's roll and Fourier transform."""

import numpy as np
import pytest
from PyQt6.QtWidgets import QLabel


@pytest.fixture
def panel(start, scene_of, small, settle):
    program = start(scene_of(small))
    dock = program.window.docks["symmetry"]
    dock.show()
    dock.raise_()
    settle(program)
    return program, dock.view


def words(view):
    return " ".join(each.text() for each in view.findChildren(QLabel) if each.isVisible())


def test_the_maximum_stays_and_its_place_moves(panel, latest, settle):
    program, view = panel
    program.document.edit("panels.symmetry.shift", 0.0)
    settle(program)
    still = latest["symmetry"]
    program.document.edit("panels.symmetry.shift", 3.0)
    settle(program)
    result = latest["symmetry"]
    np.testing.assert_array_equal(result.moved, np.roll(still.moved, 3, 2))
    assert result.moved_maximum == result.maximum == still.moved.max()
    assert result.moved[0][result.place] == result.maximum
    assert result.trace.series[0].y.tolist() == [still.moved.max()] * 33
    assert "is still" in words(view)
    assert len(view.figures()) == 2


@pytest.mark.parametrize("window", [True, False])
def test_the_spectrum_of_a_quarter_turn_is_the_turned_spectrum(panel, latest, settle, window):
    program, view = panel
    program.document.edit_many({"panels.symmetry.angle": 0.0, "panels.symmetry.window": window})
    settle(program)
    image = latest["symmetry"].turned[0].astype(np.float64)
    program.document.edit("panels.symmetry.angle", 90.0)
    settle(program)
    result = latest["symmetry"]
    assert result.error < 1e-9
    assert "the turn is exact" in words(view)
    # about index (0, 0): the centre is the pixel (4, 4) of an image that goes round
    turned = np.fft.fftshift(np.roll(np.rot90(np.fft.ifftshift(image)), 1, 0))
    np.testing.assert_allclose(result.turned[0], turned, atol=1e-6)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(turned))))
    drawn = result.spectra[0].indices / 252 * result.spectra[0].high
    np.testing.assert_allclose(drawn, np.log1p(spectrum), atol=result.spectra[0].high / 250)
    # an index may fall to either side of where the last bits of the two transforms part
    np.testing.assert_allclose(*(each.indices.astype(int) for each in result.spectra), rtol=0, atol=1)
    program.document.edit("panels.symmetry.angle", 20.0)
    settle(program)
    assert latest["symmetry"].error > 1e-6


def test_an_empty_canvas_is_told(panel, settle):
    from cnnviz.scene import actions

    program, view = panel
    actions.use_blank(program.document)
    settle(program)
    assert "zero everywhere" in words(view)
