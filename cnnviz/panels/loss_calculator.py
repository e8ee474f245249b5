"""Loss calculator: numbers typed in, or the network's own, worked through to every loss and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field, field_validator

from cnnviz.core.choices import AnswerForm, OutputFunction
from cnnviz.core.loss_examples import EXAMPLES, LossExample
from cnnviz.engine.panel import Cancelled, PanelSpec
from cnnviz.scene.models import Scene
from cnnviz.scene.params import PanelParams

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor

    from cnnviz.core.curves import Curves
    from cnnviz.core.graph import LayerGraph
    from cnnviz.core.loss_calculation import LossCalculation
    from cnnviz.core.number_table import NumberTable
    from cnnviz.engine.observation import Observation

MOST_SAMPLES, MOST_CLASSES = 6, 12
LARGEST = 1e6
"""Of a number that is typed."""

Numbers = tuple[tuple[float, ...], ...]


class LossCalculatorParams(PanelParams):
    source: Literal["typed", "network"] = Field("typed", description="numbers to type, or the network's answer")
    numbers: Numbers = Field(EXAMPLES["lecture"].numbers, description="a row for each sample, a column for each class")
    targets: tuple[int, ...] = Field(EXAMPLES["lecture"].targets, max_length=MOST_SAMPLES, description="right classes")
    given: AnswerForm = Field("probabilities", description="what the numbers are")
    outputs: OutputFunction = Field(
        "softmax", description="one of the classes is right, or each is a question of its own"
    )
    smoothing: float = Field(
        0.0, ge=0, le=0.5, description="Label smoothing: the share of the target that goes to all classes alike"
    )
    sample: int = Field(0, ge=0, le=MOST_SAMPLES - 1, description="the row whose steps are shown")
    target: int | None = Field(None, ge=0, description="right class of the network's input; none: the likeliest")

    @field_validator("numbers")
    @classmethod
    def _rectangle(cls, rows: Numbers) -> Numbers:
        if not (1 <= len(rows) <= MOST_SAMPLES and 1 <= len(rows[0]) <= MOST_CLASSES):
            raise ValueError(f"there are 1 to {MOST_SAMPLES} samples of 1 to {MOST_CLASSES} classes")
        if any(len(row) != len(rows[0]) for row in rows):
            raise ValueError("all rows are equally long")
        if any(abs(number) > LARGEST for row in rows for number in row):
            raise ValueError(f"numbers lie between −{LARGEST:,.0f} and {LARGEST:,.0f}")
        return rows


@dataclass(frozen=True, eq=False)
class LossQuestion:
    """What is worked through.

    Attributes
    ----------
    numbers : Tensor (N, K)
    targets : tuple of int
        Columns of ``numbers``; with one class alone 1 is yes.
    classes : tuple of str
        Names of the columns.
    indices : tuple of int or None
        Which of the network's classes the columns are; None where they were typed. −1 is all others together.
    sample : int
        The row whose steps are shown.
    """

    numbers: Tensor
    targets: tuple[int, ...]
    classes: tuple[str, ...]
    given: AnswerForm
    outputs: OutputFunction
    smoothing: float
    sample: int
    indices: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class LossResult:
    """
    Attributes
    ----------
    samples, steps : NumberTable
        A row for each sample; and for one of them a row for each class, with a column for each step.
    sample_words, step_words : mapping of (row, column) to str
        How the number of a cell came about, with the numbers put in.
    curves : Curves
        The losses against the probability of the right class.
    problem : str
        What is wrong with the numbers; empty where nothing is.
    """

    question: LossQuestion
    losses: LossCalculation
    samples: NumberTable
    steps: NumberTable
    sample_words: Mapping[tuple[int, int], str]
    step_words: Mapping[tuple[int, int], str]
    curves: Curves
    problem: str


def example_params(example: LossExample) -> dict[str, object]:
    """Fields of the parameters that show an example."""
    return {
        "source": "typed",
        "numbers": example.numbers,
        "targets": example.targets,
        "given": example.given,
        "outputs": example.outputs,
        "smoothing": 0.0,
        "sample": 0,
    }


def compute(scene: Scene, observation: Observation, cancelled: Cancelled) -> LossResult:
    params = cast(LossCalculatorParams, scene.panel("loss-calculator"))
    if params.source == "network":
        return worked_through(_of_network(params, observation))
    return _of_typed(params)


@lru_cache(maxsize=4)
def _of_typed(params: LossCalculatorParams) -> LossResult:
    """Kept, since an input that moves changes nothing of it."""
    import torch

    numbers = torch.tensor(params.numbers, dtype=torch.float64)
    rows, classes = numbers.shape
    last = 1 if classes == 1 else classes - 1
    targets = tuple(min(each, last) for each in (*params.targets, *(0,) * rows)[:rows])
    names = tuple(str(number + 1) for number in range(classes))
    outputs = "sigmoid" if classes == 1 else params.outputs
    sample = min(params.sample, rows - 1)
    return worked_through(LossQuestion(numbers, targets, names, params.given, outputs, params.smoothing, sample))


def _of_network(params: LossCalculatorParams, observation: Observation) -> LossQuestion:
    """The answer as one row; of many classes the likeliest alone, and one column for all others together."""
    import torch

    from cnnviz.core.loss_calculation import with_others

    if observation.network.lacks or observation.output is None:
        raise ValueError("There is no answer: the file is no whole network. Choose numbers to type above.")
    answer = observation.output[0].detach().double().cpu()
    if answer.dim() != 1:
        raise ValueError("This network answers with maps, not with classes. Choose numbers to type above.")
    if observation.network.graph.layers[-1].kind == "Softmax":
        answer = answer.clamp_min(0).log()  # already probabilities: the softmax of their logarithm is they themselves
    labels = observation.network.card.labels
    classes = len(answer)
    target = int(answer.argmax()) if params.target is None else min(params.target, max(classes - 1, 1))
    if classes == 1:
        yes = int(answer[0] > 0) if params.target is None else target
        name = labels[0] if labels else "yes"
        return LossQuestion(answer[None], (yes,), (name,), "logits", "sigmoid", params.smoothing, 0, (0,))
    keep, others = torch.arange(classes), 0
    if classes > MOST_CLASSES:
        keep = answer.topk(MOST_CLASSES - 1).indices
        if target not in keep:
            keep[-1] = target
        answer, others = with_others(answer, keep)
    indices = keep.tolist()
    names = [labels[index] if index < len(labels) else str(index) for index in indices]
    if others:
        names.append(f"{others} others")
        indices.append(-1)
    chosen = indices.index(target)
    return LossQuestion(
        answer[None], (chosen,), tuple(names), "logits", params.outputs, params.smoothing, 0, tuple(indices)
    )


def worked_through(question: LossQuestion) -> LossResult:
    """All numbers of both tables, and the words for each."""
    import torch

    from cnnviz.core.loss_calculation import calculate_loss
    from cnnviz.panels import loss_calculator_tables as tables
    from cnnviz.panels import loss_calculator_words as words

    targets = torch.tensor(question.targets)
    losses = calculate_loss(question.numbers, targets, question.given, question.outputs, question.smoothing)
    return LossResult(
        question,
        losses,
        tables.samples_table(question, losses),
        tables.steps_table(question, losses),
        words.sample_words(question, losses),
        words.step_words(question, losses),
        tables.loss_curve(question, losses),
        words.problem(question),
    )


def layers(scene: Scene, graph: LayerGraph) -> Collection[str]:
    """None by name: the answer alone is read."""
    return ()


SPEC = PanelSpec(
    id="loss-calculator",
    title="Loss calculator",
    area="right",
    params=LossCalculatorParams,
    depends=("network", "input"),
    compute=compute,
    layers=layers,
    view="cnnviz.panels.loss_calculator_view:LossCalculatorView",
    tip="Softmax, cross-entropy, square error and their gradients, with every number on the way.",
)
