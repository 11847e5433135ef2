"""What a model's chat template says of it: whether it begins each answer with an open thought."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from umui.answers.thinking import ends_in_a_thought

MOST_BYTES = 2**20  # of a template
_TRAINING_TAGS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # of the transformers library alone


def opens_thought(model: Path) -> bool | None:
    """Say whether the chat template of a model's directory opens a thought for the answer; None where it is unknown."""
    source = _source(model)
    if source is None:
        return None
    for content in ([{"type": "text", "text": "?"}], "?"):
        try:
            return ends_in_a_thought(_rendered(source, [{"role": "user", "content": content}]))
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
            continue  # templates may know one of the two forms alone
    return None


def _source(model: Path) -> str | None:
    """Return the template's source, from where the transformers library looks for it, or None."""
    for name in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json"):
        file = model / name
        try:
            if file.stat().st_size > MOST_BYTES and name != "tokenizer_config.json":
                continue
            text = file.read_text(encoding="utf-8")
            found: Any = text if name.endswith(".jinja") else json.loads(text).get("chat_template")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
        if isinstance(found, list):  # several, by name
            named = [entry for entry in found if isinstance(entry, dict)]
            found = next((entry.get("template") for entry in named if entry.get("name") == "default"), None)
        if isinstance(found, str):
            return found
    return None


def _rendered(source: str, messages: list[dict[str, Any]]) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals |= {
        "raise_exception": _refuse,
        "strftime_now": lambda form: datetime.now(UTC).strftime(form),
    }
    template = environment.from_string(_TRAINING_TAGS.sub("", source))
    return template.render(messages=messages, add_generation_prompt=True, bos_token="", eos_token="")


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
