"""One number made of a network's answer, for gradients to begin with: a loss, or a class's logit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnviz.core.choices import AnswerForm, LossName
from cnnviz.core.graph import LayerGraph


def form_of(graph: LayerGraph) -> AnswerForm:
    """Whether the network answers with logits (or their log-probabilities), or with probabilities."""
    return "probabilities" if graph.layers[-1].kind in ("Softmax", "Softmax2d", "Sigmoid") else "logits"


@dataclass(frozen=True)
class Objective:
    """What is made of an answer.

    Attributes
    ----------
    loss : LossName
        ``cross-entropy`` is -log p of the target; ``square-error`` the sum over classes of (p - y)²; ``logit`` the
        target's own score, as the network gives it. The first two are means over images, and over the places of maps.
    form : AnswerForm
        Of the answer. p is the softmax of logits, and the sigmoid of a single one, which is the logit of "yes".
    """

    loss: LossName = "cross-entropy"
    form: AnswerForm = "logits"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The number, on the autograd graph of ``output``.

        Parameters
        ----------
        output : Tensor (N, C, …)
        target : Tensor of int64, (N · places,)
            A class for each of :func:`rows`; 0 for "no" and 1 for "yes" where C is 1.
        """
        return _LOSSES[self.loss](self, rows(output), target)

    def probabilities(self, answers: Tensor) -> Tensor:
        """p of answers (rows, C); of a single logit that of "yes"."""
        if self.form == "probabilities":
            return answers
        return torch.sigmoid(answers) if answers.shape[1] == 1 else torch.softmax(answers, 1)


def rows(output: Tensor) -> Tensor:
    """The answers in ``output`` (N, C, …) one below the other: (N · places, C)."""
    if output.ndim < 2:
        return output.reshape(-1, 1)
    return output if output.ndim == 2 else output.movedim(1, -1).reshape(-1, output.shape[1])


def one_hot(answers: Tensor, target: Tensor) -> Tensor:
    """y for answers (rows, C): 1 at the target, else 0; of a single one the target itself."""
    if answers.shape[1] == 1:
        return target[:, None].to(answers)
    return torch.zeros_like(answers).scatter_(1, target[:, None], 1.0)


def targets(output: Tensor, form: AnswerForm, wanted: int | Literal["predicted", "least likely"]) -> Tensor:
    """A class for each of :func:`rows`: the same for all, or what the network holds for likeliest, or least likely.

    A class beyond the last one is the last one.
    """
    answers = rows(output.detach())
    if answers.shape[1] == 1:
        yes = (answers[:, 0] > (0.5 if form == "probabilities" else 0.0)).long()
        if isinstance(wanted, int):
            return torch.full_like(yes, min(wanted, 1))
        return yes if wanted == "predicted" else 1 - yes
    if isinstance(wanted, int):
        return torch.full((len(answers),), min(wanted, answers.shape[1] - 1), device=answers.device)
    return answers.argmax(1) if wanted == "predicted" else answers.argmin(1)


def _cross_entropy(objective: Objective, answers: Tensor, target: Tensor) -> Tensor:
    if answers.shape[1] == 1:
        y = target.to(answers)
        if objective.form == "probabilities":
            return F.binary_cross_entropy(answers[:, 0], y)
        return F.binary_cross_entropy_with_logits(answers[:, 0], y)
    if objective.form == "probabilities":
        tiny = torch.finfo(answers.dtype).tiny
        return F.nll_loss(answers.clamp_min(tiny).log(), target)
    return F.cross_entropy(answers, target)


def _square_error(objective: Objective, answers: Tensor, target: Tensor) -> Tensor:
    error = objective.probabilities(answers) - one_hot(answers, target)
    return error.square().sum(1).mean()


def _logit(objective: Objective, answers: Tensor, target: Tensor) -> Tensor:
    column = torch.zeros_like(target) if answers.shape[1] == 1 else target
    return answers.gather(1, column[:, None]).mean()


_LOSSES: Mapping[LossName, Callable[[Objective, Tensor, Tensor], Tensor]] = MappingProxyType(
    {"cross-entropy": _cross_entropy, "square-error": _square_error, "logit": _logit}
)
