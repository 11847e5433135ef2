"""Targets, losses, read-outs and adapters of the student, against numbers worked by hand."""

import math
from typing import Any

import pytest
import torch
from student_world import MEDIA, student_settings

from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.backbone.packing import Batch, pack
from umui.evidence.decoded import Evidence, Premise
from umui.students.student import Student, parse_answer, stream
from umui.students.train import learning_rate
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
    student._logits = lambda states, batch: logits_I[None]  # type: ignore[method-assign]
    (loss,) = student(batch, [(None, None)], torch.tensor([0.4]))
    weights = [math.exp(-((i / 3 - 0.4) ** 2) / (2 * 0.3**2)) for i in range(4)]
    q = [weight / sum(weights) for weight in weights]
    total = sum(math.exp(logit) for logit in logits_I.tolist())
    p = [math.exp(logit) / total for logit in logits_I.tolist()]
    assert loss.item() == pytest.approx(sum(a * math.log(a / b) for a, b in zip(q, p, strict=True)), rel=1e-5)


def test_the_first_distribution_is_nearly_uniform(model: Omni, batch: Batch) -> None:
    masses_I = Student(model, student_settings()).eval().masses(batch, [(None, None)])[0].detach()
    assert float(masses_I.sum()) == pytest.approx(1)
    assert masses_I.max() < 3 * masses_I.min()


def test_every_layer_gets_an_adapter_at_every_target(model: Omni) -> None:
    student = Student(model, student_settings())
    trained = [name for name, weight in student.named_parameters() if weight.requires_grad]
    layers, targets = model.thinker.config.text_config.num_hidden_layers, 3
    assert len(trained) == 2 * layers * targets + 1  # two matrices each, and the head's rows
    assert not any("visual" in name or "audio" in name for name in trained)


def test_names_that_match_too_few_modules_are_an_error(model: Omni) -> None:
    settings = student_settings()
    lora = settings.lora.model_copy(update={"targets": ["q_proj", "query"]})
    with pytest.raises(ValueError, match=r"2 modules match .*; 4 were to"):
        Student(model, settings.model_copy(update={"lora": lora}))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<answer>0.65</answer>", 0.65),
        ("<answer>1.00</answer>", 1.0),
        ("<answer>0.00</answer>", 0.0),
        ("<answer>1.01</answer>", None),
        ("<answer>0.6</answer>", None),
        ("<answer>0.651</answer>", None),
        ("<answer>65%</answer>", None),
        ("I think <answer>0.65</answer>", None),
        ("<answer>0.65</answer> or less", None),
        ("", None),
    ],
)
def test_only_answers_of_the_trained_form_are_read(text: str, wanted: float | None) -> None:
    assert parse_answer(text) == wanted


def test_streams_depend_on_seed_and_purpose_and_leave_no_trace() -> None:
    def draw(*purpose: Any) -> float:
        with stream(*purpose, device=torch.device("cpu")):
            return float(torch.rand(()))

    torch.manual_seed(1)
    untouched = float(torch.rand(()))
    torch.manual_seed(1)
    assert draw(0, "dropout", 5, 0, 1) == draw(0, "dropout", 5, 0, 1)
    assert len({draw(0, "dropout", 5, 0, 1), draw(0, "dropout", 5, 1, 0), draw(1, "dropout", 5, 0, 1)}) == 3
    assert float(torch.rand(())) == untouched


def test_the_learning_rate_warms_up_and_falls_along_a_cosine() -> None:
    settings = student_settings(learning_rate=0.1, warmup_steps=4, steps=12).training
    rates = [learning_rate(settings, step, 12) for step in range(12)]
    assert rates[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert rates[4] == pytest.approx(0.1)
    assert rates[8] == pytest.approx(0.05)  # half way down
    constant = student_settings(learning_rate=0.1, warmup_steps=4, steps=12, schedule="constant").training
    assert learning_rate(constant, 11, 12) == pytest.approx(0.1)
