"""Prediction against torch's own softmax."""

import math

import pytest
import torch
from torch import nn

from cnnviz.data.samples import sample_drawing
from cnnviz.panels.prediction_view import PredictionView
from cnnviz.panels.shared.class_scores import class_scores
from cnnviz.scene.document import Document
from cnnviz.ui.bar_list import BarList

SIZE = (1, 8, 8)


def answer(module, image):
    with torch.no_grad():
        return module(image)[0].double()


def test_probabilities_are_the_softmax_of_the_answer(computed, seen, noisy, small):
    result = computed("prediction", small, SIZE, noisy, labels=("cat", "dog", "ship"))
    wanted = torch.softmax(answer(small, seen(SIZE, noisy)), 0)
    assert {score.label: pytest.approx(score.probability) for score in result.scores} == dict(
        zip(("cat", "dog", "ship"), wanted.tolist(), strict=True)
    )
    assert [score.index for score in result.scores] == wanted.argsort(descending=True).tolist()
    assert (result.classes, result.note) == (3, "softmax")


def test_the_mean_and_deviation_of_the_card_are_applied(computed, seen, noisy, small):
    result = computed("prediction", small, SIZE, noisy, mean=(0.3,), std=(0.2,))
    wanted = torch.softmax(answer(small, (seen(SIZE, noisy) - 0.3) / 0.2), 0)
    assert result.scores[0].probability == pytest.approx(float(wanted.max()), rel=1e-4)
    without = computed("prediction", small, SIZE, noisy | {"input.fit.normalise": "none"}, mean=(0.3,), std=(0.2,))
    wanted = torch.softmax(answer(small, seen(SIZE, noisy)), 0)
    assert without.scores[0].probability == pytest.approx(float(wanted.max()), rel=1e-4)


def a_five(**changes):
    return {"input.base": {"kind": "blank"}, "input.drawing": sample_drawing("digit-5-first"), **changes}


@pytest.mark.parametrize(("labels", "right"), [(("4", "5", "6"), True), (("5", "4", "6"), False)])
def test_the_class_of_the_input_is_told_where_it_is_known(computed, small, labels, right):
    with torch.no_grad():
        small.head.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
    result = computed("prediction", small, SIZE, a_five(), labels=labels)
    assert result.truth.label == "5"
    assert result.truth.index == labels.index("5")
    assert result.is_right == right
    # also where it is not among those that are shown
    one = computed("prediction", small, SIZE, a_five() | {"panels.prediction.count": 1}, labels=labels)
    assert (len(one.scores), one.truth) == (1, result.truth)


def test_no_class_is_told_where_none_is_known(computed, small):
    drawn = sample_drawing("digit-5-first")
    changed = drawn.model_copy(update={"strokes": drawn.strokes[:1]})
    assert computed("prediction", small, SIZE, a_five(), labels=("cat", "dog", "ship")).truth is None
    assert (
        computed("prediction", small, SIZE, a_five() | {"input.drawing": changed}, labels=("4", "5", "6")).truth is None
    )


def test_the_bar_of_the_true_class_is_outlined_and_the_title_says_whether_it_is_right(qtbot, computed, small, pixels):
    with torch.no_grad():
        small.head.bias.copy_(torch.tensor([0.0, 50.0, 20.0]))
    view = PredictionView(Document())
    qtbot.addWidget(view)
    view.resize(300, 80)
    view.show()
    (bars,) = view.findChildren(BarList)

    def edge(row):
        track = bars.bar_rect(row)
        return int(pixels(bars)[round(track.top() - 2), round(track.center().x())])

    view.show_result(computed("prediction", small, SIZE, a_five(), labels=("4", "6", "5")))
    assert view.subtitle == "wrong, it is “5”"
    assert edge(1) != edge(0) == edge(2)
    view.show_result(computed("prediction", small, SIZE, a_five(), labels=("4", "5", "6")))
    assert view.subtitle == "right"
    assert edge(0) != edge(1) == edge(2)


def test_as_many_classes_are_shown_as_asked_for(computed):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 30))
    result = computed("prediction", network, SIZE, {"panels.prediction.count": 4})
    assert (len(result.scores), result.classes) == (4, 30)


def test_one_output_is_a_yes_or_no(computed, seen, noisy):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    result = computed("prediction", network, SIZE, noisy)
    wanted = torch.sigmoid(answer(network, seen(SIZE, noisy)))
    assert result.scores[0].probability == pytest.approx(float(wanted))
    assert result.note == "sigmoid"


@pytest.mark.parametrize("panel", ["prediction", "network"])
@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_the_softmax_is_not_taken_twice(computed, seen, noisy, small, last, panel):
    network = nn.Sequential(small, last)
    result = computed(panel, network, SIZE, noisy)
    scores = result.scores if panel == "prediction" else result.columns[-1].scores
    wanted = torch.softmax(answer(small, seen(SIZE, noisy)), 0).tolist()
    assert {score.index: pytest.approx(score.probability, abs=1e-5) for score in scores} == dict(enumerate(wanted))


def test_a_network_that_answers_with_maps_is_refused_in_words(refused):
    words = refused("prediction", nn.Conv2d(1, 5, 3), SIZE)
    assert "5×6×6" in words
    assert "Activations" in words


def test_an_answer_that_is_no_number_is_shown_as_one(computed, small):
    with torch.no_grad():
        small.head.bias[1] = math.nan
    result = computed("prediction", small, SIZE)
    assert all(math.isnan(score.probability) for score in result.scores)
    assert result.scores[-1].index == 1


class Graph:
    layers = (type("Layer", (), {"kind": "Linear"}),)


@pytest.mark.parametrize("counts", [(3, 25), (25, 3)])
def test_however_many_classes_two_panels_ask_for_each_has_the_likeliest(counts):
    class Seen:
        output = torch.randn(1, 40)
        network = type("Network", (), {"card": type("Card", (), {"labels": ()}), "graph": Graph})

    for seen in (Seen, type("Other", (Seen,), {"output": torch.randn(1, 40)})):
        order = seen.output[0].argsort(descending=True).tolist()
        for count in counts:
            assert [score.index for score in class_scores(seen, count)] == order[:count]


def test_the_title_follows_how_many_classes_there_is_room_for(on_screen, computed):
    result = computed("prediction", nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), SIZE)
    view = on_screen(PredictionView(Document()), 300, 70)
    view.show_result(result)
    (bars,) = view.findChildren(BarList)
    assert view.subtitle.startswith(f"{len(bars.rows)} of 10")
    view.resize(300, 120)
    assert len(bars.rows) == 5
    assert view.subtitle.startswith("5 of 10")
    view.resize(300, 300)
    assert view.subtitle == "softmax"
    assert view.minimumSizeHint().height() == bars.row_height(), "fewer are shown where there is no room for all"
