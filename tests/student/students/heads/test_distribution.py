"""CLUE-D: its loss against numbers worked by hand, and its first answers."""

import math

import pytest
import torch
from student_world import MEDIA, student_settings

from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.backbone.packing import Batch, pack
from umui.evidence.decoded import Evidence, Premise
from umui.students.student import Student
from umui.tables import EVIDENCE


@pytest.fixture
def batch(model: Omni) -> Batch:
    """One text premise with one hypothesis."""
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence(EVIDENCE.schema.empty_table()))
    premise = Premise("premise", "text", "The balls were red.", None)
    return pack(encoder.encode([premise]), [[encoder.hypothesis(premise, "It is red.")]], encoder.pad_token)


def test_the_loss_is_the_divergence_from_the_target(model: Omni, batch: Batch) -> None:
    student = Student(model, student_settings(bins=4, sigma=0.3))
    logits_I = torch.tensor([0.1, 0.7, -0.2, 0.0])
    student.head.forward = lambda states_NH: logits_I[None]  # type: ignore[method-assign]
    (loss,) = student(batch, [(None, None)], torch.tensor([0.4]))
    weights = [math.exp(-((i / 3 - 0.4) ** 2) / (2 * 0.3**2)) for i in range(4)]
    q = [weight / sum(weights) for weight in weights]
    total = sum(math.exp(logit) for logit in logits_I.tolist())
    p = [math.exp(logit) / total for logit in logits_I.tolist()]
    assert loss.item() == pytest.approx(sum(a * math.log(a / b) for a, b in zip(q, p, strict=True)), rel=1e-5)


def test_the_first_distribution_is_nearly_uniform(model: Omni, batch: Batch) -> None:
    student = Student(model, student_settings()).eval()
    masses_I = student.head.masses(student.thinker, batch, [(None, None)])[0].detach()
    assert float(masses_I.sum()) == pytest.approx(1)
    assert masses_I.max() < 3 * masses_I.min()
