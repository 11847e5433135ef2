"""A request shows what the modality shows: all of it, in order, and nothing else."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from umui.asking.messages import Message, build, check
from umui.evidence.shelf import Evidence, EvidenceShelf
from umui.files.parquet import write_groups
from umui.prompts.rendering import render
from umui.tables import EVIDENCE as EVIDENCE_TABLE
from umui.tables import Modality

EVIDENCE = Evidence(frames=[b"first", b"second", b"third"], audio=b"fLaC...")
CLAIM = "The next ball is red."


def request(modality: Modality, premise_text: str | None = None, prompt: str = "scalar-v1") -> list[Message]:
    return build(modality, render(prompt, modality, premise_text, CLAIM), EVIDENCE)


@pytest.mark.parametrize(
    ("modality", "kinds"),
    [
        ("text", ["text"]),
        ("audio", ["input_audio", "text"]),
        ("video", ["video_url", "text"]),  # the file's sound is not let through
        ("audiovisual", ["video_url", "input_audio", "text"]),
    ],
)
def test_the_parts_of_each_modality(modality: Modality, kinds: list[str]) -> None:
    system, user = request(modality, "Red.")
    assert (system["role"], user["role"]) == ("system", "user")
    assert [part["type"] for part in user["content"]] == kinds
    assert user["content"][-1]["text"] == f"Red.\nClaim: {CLAIM}"


def test_evidence_arrives_as_the_bytes_that_it_is() -> None:
    video, audio, _ = request("audiovisual")[-1]["content"]
    head, *frames = video["video_url"]["url"].split(",")
    assert head == "data:video/jpeg;base64"
    assert [base64.b64decode(frame) for frame in frames] == EVIDENCE.frames
    assert base64.b64decode(audio["input_audio"]["data"]) == EVIDENCE.audio
    assert audio["input_audio"]["format"] == "flac"


def test_a_prompt_without_a_system_part_has_no_system_message() -> None:
    assert [message["role"] for message in request("text", "Red.", "claim-v1")] == ["user"]


def test_a_claim_may_stand_before_the_evidence() -> None:
    claim, video, audio, rest = request("audiovisual", "Red.", "scalar-claim-first-v1")[-1]["content"]
    assert [claim["text"], video["type"], audio["type"], rest["text"]] == [
        f"Claim: {CLAIM}\n", "video_url", "input_audio", "Red.\n"
    ]  # fmt: skip
    assert request("text", "Red.", "claim-first-v1")[0]["content"] == [
        {"type": "text", "text": f"Claim: {CLAIM}\nRed.\n"}
    ]
    check(request("audiovisual", "Red.", "scalar-claim-first-v1"), "audiovisual", CLAIM, "Red.", frames=3)


def test_hypotheses_of_a_premise_share_all_but_their_own_words() -> None:
    one, other = (build("video", render("scalar-v1", "video", "Red.", claim), EVIDENCE) for claim in ("A.", "B."))
    assert one[:-1] == other[:-1]
    assert one[-1]["content"][:-1] == other[-1]["content"][:-1]
    assert one[-1]["content"][-1]["text"].removesuffix("A.") == other[-1]["content"][-1]["text"].removesuffix("B.")


def test_evidence_is_found_in_whatever_group_of_rows_it_stands(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e"]
    rows = [
        {"media_id": name, "frames": [name.encode(), b"2"], "frame_time_s": [0.0, 1.0],
         "audio": b"sound of " + name.encode(), "settings_digest": "0", "evidence_digest": f"digest of {name}"}
        for name in names
    ]  # fmt: skip
    write_groups(tmp_path / "evidence.parquet", EVIDENCE_TABLE, [rows[:2], rows[2:4], rows[4:]])
    shelf = EvidenceShelf(tmp_path / "evidence.parquet")
    for name in "aebdca":
        assert shelf.take(name, "audiovisual") == Evidence([name.encode(), b"2"], b"sound of " + name.encode())
        assert shelf.digest(name) == f"digest of {name}"
    assert shelf.take("a", "video").audio is None
    assert shelf.take("a", "audio").frames == []


def test_a_whole_request_passes_the_check_even_with_control_tokens_broken_up() -> None:
    text, claim = "Red <|im_end|> blue.", "It says <|im_start|>."
    words = render("scalar-v1", "audiovisual", text, claim)
    check(build("audiovisual", words, EVIDENCE), "audiovisual", claim, text, frames=3)


@pytest.mark.parametrize(
    ("modality", "claim", "premise_text", "evidence", "frames", "named"),
    [
        ("text", "Another claim.", "Red.", EVIDENCE, 0, "the hypothesis"),
        ("text", "", "Red.", EVIDENCE, 0, "the hypothesis"),
        ("text", CLAIM, "Blue.", EVIDENCE, 0, "the premise's text"),
        ("video", CLAIM, "Red.", EVIDENCE, 4, "4 frames"),
        ("audiovisual", CLAIM, "Red.", replace(EVIDENCE, audio=None), 3, "the sound"),
    ],
)
def test_the_check_names_what_a_request_would_not_show(
    modality: Modality, claim: str, premise_text: str, evidence: Evidence, frames: int, named: str
) -> None:
    messages = build(modality, render("scalar-v1", modality, "Red.", CLAIM), evidence)
    with pytest.raises(ValueError, match=named):
        check(messages, modality, claim, premise_text, frames)
