"""The student's adapters, its streams of random numbers, and its learning rate."""

from typing import Any

import pytest
import torch
from student_world import student_settings

from umui.backbone.omni import Omni
from umui.students.student import Student, stream
from umui.students.train import learning_rate


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
