"""Curves that take long can be stopped, and go on from where they were."""

import numpy as np
import pytest

from cnnviz.data.image_store import ImageStore
from cnnviz.data.pipeline import InputPipeline
from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Request
from cnnviz.engine.failures import FailuresHub
from cnnviz.panels import PANELS
from cnnviz.scene.document import Document

PANELS_WITH_CURVES = ("equivariance", "padding", "invariance")


@pytest.fixture
def measure(tmp_path, handed, noisy, small):
    """What a panel answers, its curves wanted or not, until the curves have come ``as_far_as`` that share."""
    document = Document()
    document.edit("network.source", handed(small, (1, 8, 8)))
    document.edit_many(noisy)

    def of(panel):
        computation = Computation(PANELS, InputPipeline(ImageStore(tmp_path / "images")), FailuresHub())

        def answers(wanted, as_far_as=1.0):
            document.edit(f"panels.{panel}.curves", wanted)
            request = Request(document.scene, document.version, frozenset({panel}))
            found = []

            def far_enough():
                return bool(found) and found[-1].done >= as_far_as

            for each in computation.run(request, lambda: False, far_enough):
                assert not each.errors
                found += [each.results[panel]] if panel in each.results else []
            return found

        return answers

    return of


@pytest.mark.parametrize("panel", PANELS_WITH_CURVES)
def test_what_is_stopped_stays_and_goes_on_from_there(measure, panel):
    answers = measure(panel)
    partly = answers(True, as_far_as=0.01)[-1].done
    assert 0 < partly < 1
    (stopped,) = answers(False)
    assert stopped.done == partly
    later = answers(True)
    assert [each.done for each in later] == sorted(each.done for each in later)
    assert (later[0].done, later[-1].done) == (partly, 1)
    whole = measure(panel)(True)[-1]
    for one, other in zip(later[-1].curves.series, whole.curves.series, strict=True):
        np.testing.assert_allclose(one.y, other.y, rtol=1e-5, atol=1e-5)  # batches of other sizes add up otherwise


@pytest.mark.parametrize("panel", PANELS_WITH_CURVES)
def test_what_is_not_wanted_is_never_begun(measure, panel):
    (only,) = measure(panel)(False)
    assert (only.done, only.curves) == (0, None)
