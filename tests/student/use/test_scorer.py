"""Scoring outside of the workflow gives the workflow's numbers, and never a probability where it has none."""

import json
from pathlib import Path
from typing import Any

import pytest
from clips import H264, PICTURES, make
from student_world import EVERYWHERE, HYPOTHESES, MEDIA, run, student_settings

from umui import cli
from umui.files.digests import digest_file
from umui.files.parquet import read_rows, write_table
from umui.media.extraction import extract_shard
from umui.students.predict import predict_shard
from umui.tables import ITEMS, PREDICTIONS
from umui.use.score import as_text, plot
from umui.use.scorer import Score, Scorer, Unscorable, central_interval, query

TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration={}")


def tone(seconds: float) -> tuple[str, ...]:
    return *TONE[:-1], TONE[-1].format(seconds)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of clips and recordings, two of them whole."""
    directory = tmp_path_factory.mktemp("media")
    clip = make(directory / "clip.mp4", *PICTURES, *tone(2), *H264, "-shortest")
    make(directory / "silent.mp4", *PICTURES, *H264)
    make(directory / "sound.wav", *tone(1.5))
    make(directory / "long.wav", *tone(9))
    make(directory / "short.wav", *tone(0.005))
    (directory / "broken.mp4").write_bytes(clip.read_bytes()[:6000])
    return directory


@pytest.fixture(scope="module")
def student(base: Path, world: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = student_settings(steps=12, lora=EVERYWHERE, learning_rate=0.02)
    return run(settings, base, world, tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def scorer(student: Path) -> Scorer:
    """Nothing but the student's directory says how evidence is made and where its base is."""
    return Scorer.from_pretrained(student)


def predicted(items: list[dict[str, Any]], student: Path, base: Path, directory: Path) -> dict[str, dict[str, Any]]:
    """What the workflow's own stages make of items."""
    paths = {name: directory / f"{name}.parquet" for name in ("items", "media", "evidence", "predictions")}
    write_table(paths["items"], ITEMS, items)
    extract_shard(MEDIA, [paths["items"]], shard=0, shards=1, media=paths["media"], evidence=paths["evidence"],
                  workers=1)  # fmt: skip
    predict_shard(
        student_settings(), MEDIA, base=str(base), revision=None, student=student,
        views=[("full", "CLUE", str(paths["predictions"]))], splits=["test"], items=[paths["items"]], shard=0, shards=1,
        evidence=paths["evidence"], workers=1,
    )  # fmt: skip
    return {row["item_id"]: row for row in read_rows(paths["predictions"], PREDICTIONS)}


def test_a_score_is_the_workflow_s_prediction(
    scorer: Scorer, student: Path, base: Path, media: Path, tmp_path: Path
) -> None:
    clip, sound = media / "clip.mp4", media / "sound.wav"
    asked = [
        {"text": "The balls were red."}, {"audio": sound}, {"video": clip}, {"video": clip, "modality": "audiovisual"},
        {"audio": clip}, {"video": clip, "text": "It was filmed in May."},
    ]  # fmt: skip
    items = []
    for number, premise in enumerate(asked):
        path: Any = premise.get("video", premise.get("audio"))
        modality = query("It rains.", **premise).modality  # type: ignore[arg-type]
        for place, hypothesis in enumerate(HYPOTHESES[:2]):
            items.append({
                "item_id": f"{number}#{place}", "dataset": "t", "split": "test", "event": "e",
                "premise_id": str(number), "modality": modality, "premise_text": premise.get("text"),
                "media_id": path and digest_file(path), "media_path": path and str(path), "hypothesis": hypothesis,
                "label": None, "probability": None, "annotations": None,
            })  # fmt: skip
    wanted = predicted(items, student, base, tmp_path)
    for number, premise in enumerate(asked):
        for place, hypothesis in enumerate(HYPOTHESES[:2]):
            score, row = scorer.score(hypothesis, **premise), wanted[f"{number}#{place}"]  # type: ignore[arg-type]
            assert row["status"] == "ok"
            assert score.probability == pytest.approx(row["probability"], abs=1e-6)
            assert score.distribution == pytest.approx(row["distribution"], abs=1e-6)
    assert len({round(row["probability"], 4) for row in wanted.values()}) > len(items) / 2


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"video": "silent.mp4", "modality": "audiovisual"}, "no_audio", "has no sound.*modality video"),
        ({"audio": "silent.mp4"}, "no_audio", "has no sound"),
        ({"video": "sound.wav"}, "no_video", "no moving pictures.*modality audio"),
        ({"video": "broken.mp4"}, "corrupt", "fetch or encode it anew"),
        ({"video": "absent.mp4"}, "missing", "No such file.*mend the path"),
        ({"audio": "short.wav"}, "unsupported", "0.005 s of sound.*hears from 0.1 to 4 s; give a longer one"),
        ({"audio": "a\0b.wav"}, "missing", "null byte.*mend the path"),
        ({"audio": "long.wav"}, "too_long", "9.00 s of sound.*hears from 0.1 to 4 s; cut it"),
        ({"audio": "."}, "unsupported", "no regular file"),
    ],
)
def test_what_cannot_be_shown_has_no_probability(
    given: dict[str, Any], status: str, words: str, scorer: Scorer, media: Path
) -> None:
    paths = {key: media / value if key != "modality" else value for key, value in given.items()}
    with pytest.raises(Unscorable, match=words) as caught:
        scorer.score("It rains.", **paths)
    assert caught.value.status == status
    assert str(caught.value).startswith(str(media))
    assert str(caught.value).count(str(media)) == 1


def test_one_at_fault_stops_no_other(scorer: Scorer, media: Path) -> None:
    silent, clip = media / "silent.mp4", media / "clip.mp4"
    queries = [query(HYPOTHESES[number % 4], video=path, modality=modality)
               for number in range(5)
               for path in (silent, clip)
               for modality in ("video", "audiovisual")]  # fmt: skip
    answers = list(scorer.score_all(queries))
    assert [isinstance(answer, Score) for answer in answers] == [True, False, True, True] * 5
    alone = [scorer.score(one.hypothesis, video=one.media, modality=one.modality) for one in queries[:1] + queries[18:]]
    for answer, one in zip(answers[:1] + answers[18:], alone, strict=True):
        assert isinstance(answer, Score)
        assert answer.probability == pytest.approx(one.probability, abs=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"video": "a.mp4", "audio": "a.wav"}, "a video or an audio"),
        ({}, "no premise"),
        ({"text": "  "}, "no premise"),
        ({"audio": "a.wav", "modality": "audiovisual"}, "modality: audiovisual does not fit"),
        ({"video": "a.mp4", "modality": "text"}, "modality: text does not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        query("It rains.", **given)


def test_the_interval_holds_the_central_mass() -> None:
    # bins at 0, 0.25, 0.5, 0.75 and 1; the masses up to them are 0.05, 0.15, 0.75, 0.95 and 1
    assert central_interval([0.05, 0.1, 0.6, 0.2, 0.05]) == (0.25, 0.75)
    assert central_interval([0.0, 0.0, 1.0, 0.0, 0.0]) == (0.5, 0.5)
    assert central_interval([0.2, 0.2, 0.2, 0.2, 0.2]) == (0.0, 1.0)


def test_the_plot_is_as_high_as_the_masses() -> None:
    assert plot([0.0, 0.125, 0.25, 0.5, 0.125], columns=5) == "▁▃▅█▃"
    assert plot([0.25, 0.25, 0.5, 0.0], columns=2) == "██"


def test_the_command_prints_for_readers_and_machines(
    student: Path, base: Path, media: Path, scorer: Scorer, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = media / "clip.mp4"
    command = ["score", "--model", str(student), "--base", str(base), "--video", str(clip)]
    hypotheses = [argument for hypothesis in HYPOTHESES[:2] for argument in ("--hypothesis", hypothesis)]
    assert cli.main([*command, *hypotheses]) == 0
    shown = capsys.readouterr().out
    assert cli.main([*command, *hypotheses, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row, hypothesis in zip(rows, HYPOTHESES[:2], strict=True):
        wanted = scorer.score(hypothesis, video=clip)
        assert (row["hypothesis"], row["status"]) == (hypothesis, "ok")
        assert row["probability"] == pytest.approx(wanted.probability, abs=1e-6)
        assert row["interval"] == list(wanted.interval or ())
        assert f"{hypothesis}\n  probability {wanted.probability:.3f}, central 80 %" in shown


def test_the_command_fails_on_a_clip_at_fault(student: Path, media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["score", "--model", str(student), "--hypothesis", "It rains.", "--video", str(media / "broken.mp4")]
    assert cli.main(command) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "broken.mp4" in output.err
    assert "encode it anew" in output.err


def test_a_manifest_goes_on_after_faults(
    student: Path, media: Path, scorer: Scorer, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = media / "manifest.csv"
    manifest.write_text(
        "premise,video,audio,modality,hypothesis\n"
        ",clip.mp4,,,It is red.\n"
        ",broken.mp4,,,It is red.\n"
        ",,sound.wav,odd,It is red.\n"
        ",silent.mp4,,audiovisual,It is red.\n"
        "The balls were red.,,,,It is red.\n"
    )
    assert cli.main(["score", "--model", str(student), "--manifest", str(manifest), "--json"]) == 0
    output = capsys.readouterr()
    rows = [json.loads(line) for line in output.out.splitlines()]
    assert [(row["row"], row["status"]) for row in rows] == [
        (2, "ok"), (3, "corrupt"), (4, "malformed"), (5, "no_audio"), (6, "ok"),
    ]  # fmt: skip
    assert all((row["probability"] is None) == (row["status"] != "ok") == bool(row["reason"]) for row in rows)
    wanted = scorer.score("It is red.", video=media / "clip.mp4").probability
    assert rows[0]["probability"] == pytest.approx(wanted, abs=1e-6)
    assert "1 corrupt, 1 malformed, 1 no_audio, 2 ok" in output.err


def test_a_student_in_words_has_a_probability_alone(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    scorer = Scorer.from_pretrained(run(student_settings(read_out="text", steps=1), base, world, tmp_path))
    scorer._student.thinker.lm_head.weight.data.zero_()  # it says its first token for ever
    with pytest.raises(Unscorable, match="not of the form"):
        scorer.score("It is red.", text="The balls were red.")
    assert as_text("It is red.", Score(0.65, None, None)) == "It is red.\n  probability 0.650"


def test_a_base_or_student_that_is_not_there_is_named(student: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"clue\.json.*give the directory of a trained student"):
        Scorer.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'no-ffmpeg' does not run"):
        Scorer.from_pretrained(student, ffmpeg="no-ffmpeg")
    with pytest.raises(ValueError, match=r"no such directory.*a hub name needs its commit"):
        Scorer.from_pretrained(student, base=tmp_path / "no" / "base")
