"""CLUE-T's answers, and nothing else, are read as probabilities."""

import pytest

from umui.students.heads.text import answer_text, parse_answer


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


@pytest.mark.parametrize("probability", [0.0, 0.005, 0.65, 1.0])
def test_what_it_should_say_is_read(probability: float) -> None:
    assert parse_answer(answer_text(probability)) == pytest.approx(probability, abs=0.005)
