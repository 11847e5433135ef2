"""The urn world: exact probabilities, honest labels, no sequence on both sides, files that show what the tables say."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy import stats

from umui.config.datasets import Urn
from umui.datasets.urn import world as urn
from umui.datasets.urn.mathematics import HYPOTHESES, Draws, draw, held_out, judge, letters, probabilities
from umui.files.digests import digest_file
from umui.files.parquet import read_rows
from umui.tables import ITEMS, LESSONS

ROOT = Path(__file__).parents[3]
PRIORS = [(1.0, 1.0), (2.5, 0.7), (0.5, 3.0)]
RED, BLUE = True, False
NUMBER = {hypothesis.sentence: number for number, hypothesis in enumerate(HYPOTHESES)}
Rows = list[dict[str, Any]]


def small(**changes: Any) -> Urn:
    """The default urn world with few premises."""
    section = yaml.safe_load((ROOT / "config.yaml").read_text())["datasets"]["urn"]
    small = {"premises": {"train": 3, "validation": 1, "test": 3}, "hypotheses_train": 4}
    return Urn.model_validate(section | small | changes)


def built(settings: Urn, directory: Path, workers: int = 2) -> tuple[Rows, Rows]:
    items, lessons = directory / "items.parquet", directory / "lessons.parquet"
    urn.build(settings, "urn", directory / "media", items, lessons, workers)
    return read_rows(items, ITEMS), read_rows(lessons, LESSONS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Rows, Rows]]:
    """A small world, its items and its lessons; the working directory is its own."""
    directory = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        yield directory, *built(small(), directory)


def draws_of(item: dict[str, Any]) -> Draws:
    return tuple(letter == "R" for letter in item["event"].removeprefix("urn/"))


def test_probabilities_worked_by_hand() -> None:
    """Red, red, blue on a flat prior: Beta(3, 2), whose mass above 1/2 is 11/16."""
    assert probabilities((RED, RED, BLUE), 1, 1) == pytest.approx([0.6, 0.4, 0.4, 0.6, 0.4, 11 / 16, 1, 1])


@pytest.mark.parametrize(("a", "b"), PRIORS)
def test_probabilities_are_posterior_expectations(a: float, b: float) -> None:
    for length in (1, 2, 5):
        for draws in itertools.product((RED, BLUE), repeat=length):
            posterior = stats.beta(a + sum(draws), b + length - sum(draws))
            mean, square = posterior.mean(), posterior.moment(2)
            expected = [mean, 1 - mean, square, 1 - square, 2 * (mean - square), posterior.sf(0.5)]
            assert probabilities(draws, a, b)[:6] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.5, 0.7)])
def test_hypotheses_come_true_as_often_as_their_probability_says(a: float, b: float) -> None:
    """Simulate urns from the prior; among those that showed a sequence, count.  A bias of 0.035 would be seen."""
    random = np.random.default_rng(0)
    came_true: dict[Draws, list[list[bool]]] = defaultdict(list)
    for _ in range(60_000):
        draws, outcome = draw(2, a, b, random)
        came_true[draws].append([hypothesis.came_true(draws, outcome) for hypothesis in HYPOTHESES])
    for draws, outcomes in came_true.items():
        exact = np.array(probabilities(draws, a, b))
        error = 4.5 * np.sqrt(exact * (1 - exact) / len(outcomes))
        assert error.max() < 0.035
        np.testing.assert_array_less(np.abs(np.mean(outcomes, axis=0) - exact), error + 1e-12)


def test_labels_of_imagined_premises_are_unbiased() -> None:
    """Choosing premises by their sequence must not bias what comes after it, in any split."""
    settings = small(prior_red=2.5, prior_blue=0.7)
    reserved = held_out(2, 6, 0.25, seed=0)
    for split in urn.SPLITS:
        premises = [urn.imagine(settings, "urn", reserved, split, "audio", index) for index in range(1500)]
        labels = [[hypothesis.came_true(p.draws, p.outcome) for hypothesis in HYPOTHESES] for p in premises]
        exact = np.array([premise.probabilities for premise in premises])
        error = 4.5 * np.sqrt((exact * (1 - exact)).sum(axis=0)) / len(premises)
        np.testing.assert_array_less(np.abs(np.mean(labels - exact, axis=0)), error + 1e-12)


def test_held_out_sequences_leave_every_count_trained() -> None:
    reserved = held_out(2, 6, 0.25, seed=0)
    assert len(reserved) == 27
    for length in range(2, 7):
        for reds in range(length + 1):
            out = sum(len(draws) == length and sum(draws) == reds for draws in reserved)
            members = math.comb(length, reds)
            assert out == (round(members / 4) if members >= 4 else 0)
    assert held_out(2, 5, 0.25, seed=0) == {draws for draws in reserved if len(draws) < 6}
    assert held_out(2, 6, 0.25, seed=1) != reserved
    assert len(held_out(4, 4, 1.0, seed=0)) == 3 + 5 + 3  # of the classes of 4, 6 and 4, all but one each


@pytest.mark.parametrize(("draws_max", "share"), [(2, 0.5), (6, 0.0)])
def test_a_world_without_a_test_split_is_refused(draws_max: int, share: float) -> None:
    with pytest.raises(ValueError, match="held_out_share"):
        held_out(2, draws_max, share, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"draws_min": 7}, "draws_min: 7 is more"), ({"frame_rate_hz": 24}, "7.68 frames a draw")],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_annotators_err_in_logits_and_snap_to_the_slider() -> None:
    random = np.random.default_rng(0)
    said = np.array([judge(0.7, 0.7, 0.05, random) for _ in range(4000)])
    assert np.abs(said / 0.05 - np.round(said / 0.05)).max() < 1e-6 or said.max() == 0.99
    logits = np.log(said / (1 - said))
    assert np.median(said) == pytest.approx(0.7)
    assert logits.mean() == pytest.approx(math.log(0.7 / 0.3), abs=0.06)
    assert logits.std() == pytest.approx(0.7, abs=0.06)
    assert {judge(0.0, 3.0, 0.05, random) for _ in range(200)} >= {0.01, 0.05}
    assert judge(1.0, 1e-9, 0.25, random) == 0.99


def test_no_sequence_stands_on_both_sides(world: tuple[Path, Rows, Rows]) -> None:
    _, items, _ = world
    reserved = held_out(2, 6, 0.25, seed=0)
    for item in items:
        assert (draws_of(item) in reserved) == (item["split"] == "test"), item["item_id"]


def test_items_are_complete_and_true(world: tuple[Path, Rows, Rows]) -> None:
    directory, items, _ = world
    by_premise: dict[str, Rows] = defaultdict(list)
    for item in items:
        by_premise[item["premise_id"]].append(item)
    assert len(by_premise) == 4 * (3 + 1 + 3)
    for premise_id, rows in by_premise.items():
        assert len(rows) == (4 if rows[0]["split"] == "train" else 8)
        truth = {}
        for row in rows:
            number = NUMBER[row["hypothesis"]]
            assert row["item_id"] == f"{premise_id}#{number}"
            assert row["probability"] == pytest.approx(probabilities(draws_of(row), 1, 1)[number])
            assert len(row["annotations"]) == 4
            truth[number] = row["label"]
            if number >= 6:
                assert row["label"] == (row["probability"] == 1)
        if rows[0]["split"] != "train":  # one outcome a premise: next red xor next blue, both red xor one blue, ...
            assert truth[0] != truth[1]
            assert truth[2] != truth[3]
            assert truth[2] <= truth[0]
            assert not (truth[2] and truth[4])
        if rows[0]["modality"] == "text":
            words = rows[0]["premise_text"].replace(",", " ").replace(";", " ").replace(".", " ").split()
            assert [word == "red" for word in words if word in ("red", "blue")] == list(draws_of(rows[0]))
            assert rows[0]["media_id"] is None
        else:
            assert rows[0]["media_id"] == digest_file(directory / rows[0]["media_path"])


def test_training_hypotheses_vary(world: tuple[Path, Rows, Rows]) -> None:
    asked = Counter(item["hypothesis"] for item in world[1] if item["split"] == "train")
    assert len(asked) == 8


def test_lessons_teach_the_training_premises_alone(world: tuple[Path, Rows, Rows]) -> None:
    _, items, lessons = world
    draws = {item["premise_id"]: draws_of(item) for item in items if item["split"] == "train"}
    assert {lesson["premise_id"] for lesson in lessons} == set(draws)
    premise_id, balls = next((key, value) for key, value in sorted(draws.items()) if len(set(value)) == 2)
    mine = [lesson for lesson in lessons if lesson["premise_id"] == premise_id]
    questions = {lesson["instruction"]: lesson["response"] for lesson in mine if lesson["instruction"]}
    colours = ["red" if red else "blue" for red in balls]
    assert questions == {
        "Describe the draws.": " ".join(colours),
        "How many balls were red?": f"{sum(balls)} of {len(balls)}",
        "How many balls were blue?": f"{len(balls) - sum(balls)} of {len(balls)}",
        **{f"What colour was ball {place + 1}?": colour for place, colour in enumerate(colours)},
    }
    judged = Counter(lesson["hypothesis"] for lesson in mine if lesson["hypothesis"])
    assert judged == dict.fromkeys(NUMBER, 4)
    for item in (item for item in items if item["premise_id"] == premise_id):
        said = [lesson["response"] for lesson in mine if lesson["hypothesis"] == item["hypothesis"]]
        assert said == [f"{annotation:.2f}" for annotation in item["annotations"]]


def seen_in(path: Path) -> str:
    """What a video shows, a letter a draw: R, B, or . for grey; from the middle of the frames' colours."""
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(int)
    assert len(frames) % 8 == 0
    excess = (frames[..., 0] - frames[..., 2]).reshape(len(frames) // 8, -1)  # red over blue, by draw
    return "".join("R" if (e > 90).mean() > 0.1 else "B" if (e < -90).mean() > 0.1 else "." for e in excess)


def heard_in(path: Path) -> str:
    """What a file sounds like, a letter a draw: R (high), B (low), or . for silence."""
    with av.open(str(path)) as container:
        pieces: list[NDArray[Any]] = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    samples = np.concatenate(pieces)
    samples = samples / 32768 if samples.dtype == np.int16 else samples
    letters_heard = ""
    for slot in np.split(samples[: len(samples) // 5120 * 5120], len(samples) // 5120):
        spectrum = np.abs(np.fft.rfft(slot))
        high = spectrum[320:].sum() > spectrum[:320].sum()  # 320 bins of 3.125 Hz: above 1 kHz
        letters_heard += "." if slot.std() < 0.02 else "R" if high else "B"
    return letters_heard


def test_files_show_their_sequence(world: tuple[Path, Rows, Rows]) -> None:
    directory, items, _ = world
    for item in {item["premise_id"]: item for item in items if item["modality"] != "text"}.values():
        path, truth = directory / item["media_path"], letters(draws_of(item))
        if item["modality"] == "audio":
            assert heard_in(path) == truth
        elif item["modality"] == "video":
            assert seen_in(path) == truth
        else:
            seen, heard = seen_in(path), heard_in(path)
            assert len(seen) == len(heard) == len(truth)
            assert {*seen} != {"."} != {*heard}
            for eye, ear, ball in zip(seen, heard, truth, strict=True):
                assert {eye, ear} == {ball, "."}, f"{path}: {seen} and {heard} for {truth}"


def test_the_same_settings_give_the_same_bytes(world: tuple[Path, Rows, Rows]) -> None:
    directory, _, _ = world
    files = [*directory.glob("*.parquet"), *(directory / "media").iterdir()]
    before = {file: digest_file(file) for file in files}
    (directory / "media" / "stray.mp4").write_bytes(b"left over")
    built(small(), directory, workers=4)
    assert {file: digest_file(file) for file in files} == before
    assert len(list((directory / "media").iterdir())) == len(files) - 2


def test_more_premises_and_other_annotators_change_no_premise(world: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    _, items, _ = world
    few = {item["item_id"]: item for item in items}
    more, _ = built(small(premises={"train": 4, "validation": 1, "test": 3}, annotators=1), tmp_path)
    kept = [item for item in more if item["item_id"] in few]
    assert len(kept) == len(few) < len(more)
    for item in kept:
        known = few[item["item_id"]]
        assert (item["media_id"], item["label"], item["event"]) == (known["media_id"], known["label"], known["event"])
        assert item["annotations"] != known["annotations"]


def test_another_seed_is_another_world(world: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    others, _ = built(small(seed=1, premises={"train": 1, "validation": 1, "test": 1}), tmp_path)
    assert not {item["media_id"] for item in others if item["media_id"]} & {item["media_id"] for item in world[1]}
