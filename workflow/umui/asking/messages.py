"""Put a premise and a hypothesis into the chat messages of one request.

The parts stand in one order: the claim where a prompt puts it first, pictures, sound, words.  An audiovisual premise is
sent as two parts, frames and sound, rather than as a video file whose sound the server extracts
(``use_audio_in_video``): vLLM's cache of processed media confuses clips that share a sound, and two parts are exactly
what the student sees.  Evidence travels as bytes in the request; nothing is ever fetched from a URL or a path.
"""

import base64
from typing import Any

from umui.evidence.shelf import Evidence
from umui.evidence.shown import HEARS, SEES
from umui.prompts.rendering import Words
from umui.tables import Modality

Message = dict[str, Any]


def build(modality: Modality, words: Words, evidence: Evidence) -> list[Message]:
    """Return the messages of one request, showing of the evidence what the modality shows and no more."""
    parts: list[Message] = [_text(words.claim)] if words.claim else []
    if modality in SEES:
        frames = ",".join(base64.b64encode(frame).decode() for frame in evidence.frames)
        parts.append({"type": "video_url", "video_url": {"url": f"data:video/jpeg;base64,{frames}"}})
    if modality in HEARS and evidence.audio is not None:
        sound = base64.b64encode(evidence.audio).decode()
        parts.append({"type": "input_audio", "input_audio": {"data": sound, "format": "flac"}})
    parts.append(_text(words.premise + words.hypothesis))
    if all(part["type"] == "text" for part in parts):
        parts = [_text("".join(part["text"] for part in parts))]  # servers may put something between two
    system = [{"role": "system", "content": words.system}] if words.system else []
    return [*system, {"role": "user", "content": parts}]


def check(messages: list[Message], modality: Modality, hypothesis: str, premise_text: str | None, frames: int) -> None:
    """Check that a request holds all that it must show: `frames` pictures, sound, the premise's words, the hypothesis.

    Raises ValueError naming what is not there.
    """
    asked = messages[-1]["content"]
    parts = {part["type"]: part for part in asked}
    shown = _squeezed("".join(part["text"] for part in asked if part["type"] == "text"))
    pictures = parts["video_url"]["video_url"]["url"].count(",") if "video_url" in parts else 0
    missing = [
        what
        for what, there in {
            "the hypothesis": bool(_squeezed(hypothesis)) and _squeezed(hypothesis) in shown,
            "the premise's text": _squeezed(premise_text or "") in shown,
            f"{frames} frames": pictures == (frames if modality in SEES else 0),
            "the sound": ("input_audio" in parts) == (modality in HEARS),
        }.items()
        if not there
    ]
    if missing:
        raise ValueError(f"the request would not show {' and '.join(missing)}; mend the prompt's template or the item")


def _text(words: str) -> Message:
    return {"type": "text", "text": words}


def _squeezed(text: str) -> str:
    """Without white space, since rendering breaks up control tokens with spaces."""
    return "".join(text.split())
