"""The order of the training data: a pure function of (seed, step, rank) that covers all and mixes no modality."""

from collections import Counter

import pytest
from student_world import student_settings

from umui.student.sampling import Sampler, Step

MODALITIES = ["text"] * 22 + ["audio"] * 10 + ["video"] * 5
COUNTS = [1 + number % 5 for number in range(len(MODALITIES))]


def sampler(**changes: object) -> Sampler:
    given = {"premises_per_batch": 2, "accumulation": 2, "ranks": 2, "hypotheses_per_premise": 3} | changes
    return Sampler(student_settings(**given).training, MODALITIES, COUNTS)


def premises(step: Step) -> list[int]:
    return [unit.premise for micro in step.batches for units in micro for unit in units]


def test_a_step_depends_on_seed_and_number_alone() -> None:
    one, other = sampler(), sampler()
    later = [other.step(number) for number in reversed(range(30))]
    assert [one.step(number) for number in range(30)] == later[::-1]
    assert [sampler(seed=4).step(number) for number in range(30)] != later[::-1]


def test_a_pass_covers_every_premise_and_shares_steps_by_premises() -> None:
    made = sampler()
    steps = [made.step(number) for number in range(made.steps_per_pass)]
    assert Counter(step.modality for step in steps) == {"text": 3, "audio": 2, "video": 1}  # 22, 10 and 5 in eights
    assert {premise for step in steps for premise in premises(step)} == set(range(len(MODALITIES)))


def test_steps_hold_one_modality_and_ranks_share_no_premise() -> None:
    made = sampler()
    for number in range(3 * made.steps_per_pass):
        step = made.step(number)
        assert {MODALITIES[premise] for premise in premises(step)} == {step.modality}
        pool = MODALITIES.count(step.modality)
        assert max(Counter(premises(step)).values()) == -(-8 // pool)  # none twice where there are enough


def test_mixed_steps_mix() -> None:
    made = sampler(batching="mixed")
    steps = [made.step(number) for number in range(made.steps_per_pass)]
    assert {step.modality for step in steps} == {"mixed"}
    assert max(len({MODALITIES[premise] for premise in premises(step)}) for step in steps) > 1


def test_hypotheses_take_turns() -> None:
    made = sampler()
    seen = Counter(
        (unit.premise, hypothesis)
        for number in range(5 * made.steps_per_pass)
        for micro in made.step(number).batches
        for units in micro
        for unit in units
        for hypothesis in unit.hypotheses
    )
    for premise, count in enumerate(COUNTS):
        times = [seen[premise, hypothesis] for hypothesis in range(count)]
        assert min(times) >= 3, (premise, times)


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        Sampler(student_settings().training, [], [])
