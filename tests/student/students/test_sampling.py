"""The order of the training data: a pure function of (seed, step, rank) that covers all and mixes no modality."""

from collections import Counter

import pytest
from student_world import student_settings

from umui.students.sampling import Sampler, Step, Unit

MODALITIES = ["text"] * 22 + ["audio"] * 10 + ["video"] * 5
COUNTS = [1 + number % 5 for number in range(len(MODALITIES))]


def width(unit: Unit) -> int:
    """Between 20 and 220 tokens of premise, and 5 a hypothesis."""
    return 20 + unit.premise * 37 % 200 + 5 * len(unit.hypotheses)


def sampler(**changes: object) -> Sampler:
    given = {"premises_per_batch": 2, "accumulation": 2, "ranks": 2, "hypotheses_per_premise": 3} | changes
    return Sampler(student_settings(**given).training, MODALITIES, COUNTS, width)


def premises(step: Step) -> list[int]:
    return [unit.premise for micro in step.batches for units in micro for unit in units]


def test_a_step_depends_on_seed_and_number_alone() -> None:
    one, other = sampler(), sampler()
    later = [other.step(number) for number in reversed(range(30))]
    assert [one.step(number) for number in range(30)] == later[::-1]
    assert [sampler(seed=4).step(number) for number in range(30)] != later[::-1]


def test_a_pass_covers_every_premise_and_shares_steps_by_premises() -> None:
    made = sampler()
    steps = [made.step(number) for number in range(made.steps_before(1))]
    assert Counter(step.modality for step in steps) == {"text": 3, "audio": 2, "video": 1}  # 22, 10 and 5 in eights
    assert {premise for step in steps for premise in premises(step)} == set(range(len(MODALITIES)))


def test_steps_hold_one_modality_and_ranks_share_no_premise() -> None:
    made = sampler()
    for number in range(made.steps_before(3)):
        step = made.step(number)
        assert {MODALITIES[premise] for premise in premises(step)} == {step.modality}
        pool = MODALITIES.count(step.modality)
        assert max(Counter(premises(step)).values()) == -(-8 // pool)  # none twice where there are enough


def test_mixed_steps_mix() -> None:
    made = sampler(batching="mixed")
    steps = [made.step(number) for number in range(made.steps_before(1))]
    assert {step.modality for step in steps} == {"mixed"}
    assert max(len({MODALITIES[premise] for premise in premises(step)}) for step in steps) > 1


def test_hypotheses_take_turns() -> None:
    made = sampler()
    seen = Counter(
        (unit.premise, hypothesis)
        for number in range(made.steps_before(5))
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
        Sampler(student_settings().training, [], [], width)


def padding_share(made: Sampler, steps: int) -> float:
    batches = [units for number in range(steps) for micro in made.step(number).batches for units in micro]
    tokens = sum(width(unit) for units in batches for unit in units)
    return 1 - tokens / sum(len(units) * max(map(width, units)) for units in batches)


def test_batches_by_tokens_keep_the_budget_cover_all_and_pad_less() -> None:
    made = sampler(tokens_per_batch=700, premises_per_batch=8, accumulation=1)
    for number in range(made.steps_before(3)):
        step = made.step(number)
        assert {MODALITIES[premise] for premise in premises(step)} == {step.modality}
        for units in (units for micro in step.batches for units in micro):
            assert 1 <= len(units) <= 8
            assert len(units) * max(map(width, units)) <= 700
    covered = {premise for number in range(made.steps_before(1)) for premise in premises(made.step(number))}
    assert covered == set(range(len(MODALITIES)))
    plain = sampler(premises_per_batch=4, accumulation=1)
    assert padding_share(made, made.steps_before(1)) < 0.7 * padding_share(plain, plain.steps_before(1))


def test_batches_by_tokens_depend_on_seed_and_number_alone() -> None:
    one, other = (sampler(tokens_per_batch=500, premises_per_batch=8) for _ in range(2))
    later = [other.step(number) for number in reversed(range(40))]
    assert [one.step(number) for number in range(40)] == later[::-1]
    first, second = (one.step(one.steps_before(number)) for number in range(2))
    assert first != second, "passes differ"


def test_a_row_that_is_wider_than_the_budget_stands_alone() -> None:
    made = sampler(tokens_per_batch=60)
    widths = [width(unit) for number in range(made.steps_before(1)) for micro in made.step(number).batches
              for units in micro for unit in units if len(units) > 1]  # fmt: skip
    assert max(widths, default=0) <= 30
    assert {premise for n in range(made.steps_before(1)) for premise in premises(made.step(n))} == set(range(37))


def test_a_training_may_be_so_many_passes_long() -> None:
    assert sampler().steps_before(1) == 6
    assert sampler(steps=None, epochs=2.5).n_steps() == 15
    assert sampler(steps=None, epochs=2.1).n_steps() == 13
    by_tokens = sampler(steps=None, epochs=2, tokens_per_batch=700)
    assert by_tokens.n_steps() == by_tokens.steps_before(2)
