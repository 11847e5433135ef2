"""The tokens that steer a model, as text: words from anywhere must not become one of them."""

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

FILES = ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json", "tekken.json")
_KNOWN = re.compile(
    r"</?(?:(?:seed:|mm:|ifm\|)?think(?:ing)?(?:_fast(?:er)?)?|tool_calls?|tool_responses?|tools|response|assistant"
    r"|s|unk|pad|bos|eos|mask|cls|sep|start_of_turn|end_of_turn|start_of_image|end_of_image|start_of_audio"
    r"|end_of_audio|image|img|video|audio|sound|speech|tts_\w+|CONF?_\d+|channel\||turn\|)>"
    r"|\[/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|IMG|IMG_BREAK|IMG_END"
    r"|AUDIO|BEGIN_AUDIO|CLS|SEP|PAD|UNK|MASK)\]"
    r"|<</?SYS>>|\u25c1/?think\u25b7"
)
"""Those of well-known families, for models whose tokenizer is not at hand: hub names, endpoints."""


@cache
def control_tokens(model: str) -> frozenset[str] | None:
    """Return what the tokenizer in a model's directory has added to its vocabulary; None where there is none to read.

    What has no mark that could be broken up, such as white space or a plain word, is left out.
    """
    found: set[str] = set()
    seen = False
    for name in (
        "tokenizer.json",
        "tokenizer_config.json",
        "added_tokens.json",
        "special_tokens_map.json",
        "tekken.json",
    ):
        try:
            content = json.loads((Path(model) / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        seen = True
        found.update(_texts(name, content))
    return frozenset(text for text in found if len(text) > 1 and re.search(r"[^\w\s]|_", text)) if seen else None


def broken_up(text: str, tokens: Collection[str] | None) -> str:
    """Return `text` with a space in each control token: in `tokens`, or in the well-known ones where that is None."""
    pattern = _KNOWN if tokens is None else _pattern(frozenset(tokens))
    while pattern is not None and pattern.search(text):  # again, since tokens may overlap
        text = pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


@cache
def _pattern(tokens: frozenset[str]) -> re.Pattern[str] | None:
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first))) if tokens else None


def _texts(name: str, content: Any) -> Iterator[str]:
    """Yield the added tokens that one file of a tokenizer names."""
    if not isinstance(content, dict):
        return
    if name == "added_tokens.json":
        yield from content
        return
    entries: list[Any] = []
    match name:
        case "tokenizer.json":
            entries = _values(content.get("added_tokens"))
        case "tokenizer_config.json":
            entries = _values(content.get("added_tokens_decoder")) + _values(content.get("additional_special_tokens"))
        case "special_tokens_map.json":
            entries = [part for value in content.values() for part in (value if isinstance(value, list) else [value])]
        case "tekken.json":
            entries = _values(content.get("special_tokens"))
    for entry in entries:
        text = entry.get("content", entry.get("token_str")) if isinstance(entry, dict) else entry
        if isinstance(text, str):
            yield text


def _values(part: Any) -> list[Any]:
    return list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
