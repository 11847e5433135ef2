"""What is said of each read-out, and which keys it has."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from umui.config.students import READ_OUTS, Student, loss_name, unused_keys

DEFAULT = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())["students"]["clue-d"]


@pytest.mark.parametrize("name", get_args(Student.model_fields["read_out"].annotation))
@pytest.mark.parametrize("loss", get_args(Student.model_fields["loss"].annotation))
def test_every_read_out_has_words_for_every_loss(name: str, loss: str) -> None:
    assert loss_name(Student.model_validate(DEFAULT | {"read_out": name, "loss": loss}))


def test_a_loss_is_named_with_what_it_is_measured_in() -> None:
    assert loss_name(Student.model_validate(DEFAULT)) == "KL divergence (nats)"
    assert loss_name(Student.model_validate(DEFAULT | {"loss": "mse"})) == "squared error of mean"
    assert loss_name(Student.model_validate(DEFAULT | {"read_out": "text"})) == "cross-entropy (nats a token)"


def test_keys_of_other_read_outs_are_unused() -> None:
    own = {"bins", "sigma", "target", "loss"}
    assert not unused_keys(Student.model_validate(DEFAULT)) & own
    assert unused_keys(Student.model_validate(DEFAULT | {"read_out": "text"})) >= own
    for read_out in READ_OUTS.values():
        assert read_out.keys <= Student.model_fields.keys()
