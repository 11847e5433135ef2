"""From a merged configuration to its model, or to an error for people."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from umui.config.judges import Judge
from umui.config.run import Config

SECTIONS_WITH_LIKE = ("datasets", "models", "teachers", "baselines", "students")


class ConfigError(ValueError):
    """The configuration is wrong; the message names each key, its value and the remedy."""


def load(config: Mapping[str, Any]) -> Config:
    """Check a merged configuration.

    Raises ConfigError with one line a fault: the key, the value, what is wrong, and what would be right.
    """
    config = _with_likes(config)
    try:
        return Config.model_validate(config)
    except ValidationError as error:
        lines = [_explain(fault, config) for fault in error.errors()]
        raise ConfigError("the configuration has faults:\n" + "\n".join(f"  - {line}" for line in lines)) from None


def _with_likes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the entries of named maps that say ``like: OTHER``: they differ from that entry in their own keys alone.

    Raises ConfigError when there is no such entry, or when it is like another itself.
    """
    completed = dict(config)
    for section in SECTIONS_WITH_LIKE:
        entries = config.get(section)
        if not isinstance(entries, Mapping):
            continue
        completed[section] = dict(entries)
        for name, entry in entries.items():
            if not isinstance(entry, Mapping) or "like" not in entry:
                continue
            where, other = f"{section}.{name}.like", entries.get(str(entry["like"]))
            if not isinstance(other, Mapping):
                raise ConfigError(
                    f"{where}: {entry['like']!r} is not among the {section}: {', '.join(sorted(entries))}"
                )
            if "like" in other:
                raise ConfigError(f"{where}: {entry['like']!r} is like another itself; name {other['like']!r}")
            completed[section][name] = merged(other, {key: entry[key] for key in entry if key != "like"})
    return completed


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the single keys of `changes`, as Snakemake lays an overlay on a configuration."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def judge_of_parts(settings: Mapping[str, Any], circumstances: Mapping[str, Any]) -> Judge:
    """Return the judge of a section that came in two parts: without what no answer depends on (NOT_IDENTITY), and that.

    Raises ValueError naming the options that bring them.
    """
    try:
        return Judge.model_validate(merged(settings, circumstances))
    except ValidationError as error:
        raise ValueError(f"--settings and --circumstances together: {error}") from None


def _explain(fault: Any, config: Mapping[str, Any]) -> str:
    path = [str(part) for part in fault["loc"]]
    of_kind = path[:1] == ["datasets"] and len(path) > 2  # such a path names the kind, which is no key, after the name
    where = ".".join(path[:2] + path[3:] if of_kind else path) or "config"
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], _fields_at(path[:-1]), n=1)
        return f"{where}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "; remove it")
    if fault["type"] == "missing":
        return f"{where}: missing; config.yaml has every key with its meaning"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message if not path else f"{where}: {message}"
    return f"{where}: {json.dumps(fault['input'], default=str)[:80]}: {message[0].lower()}{message[1:]}"


def _fields_at(path: list[str]) -> list[str]:
    """Return the keys that may stand at a place of the configuration."""
    schema = Config.model_json_schema()
    node: dict[str, Any] = schema
    for part in path:
        if "discriminator" in node:  # the part is a kind
            node = schema["$defs"][node["discriminator"]["mapping"][part].rsplit("/", 1)[1]]
            continue
        node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        options = [node, *node.get("anyOf", [])]
        reference = next((option["$ref"] for option in options if "$ref" in option), None)
        if reference:
            node = schema["$defs"][reference.rsplit("/", 1)[1]]
    return list(node.get("properties", {}))
