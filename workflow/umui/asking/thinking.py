"""Whether a judge thinks before it answers, and which of vLLM's reasoning parsers fits its family."""

import json
import re
from pathlib import Path

from umui.asking.chat_templates import opens_thought
from umui.config.judges import Judge, Server

PARSERS = (
    (r"qwen", "qwen3"),
    (r"deepseek.?v4", "deepseek_v4"),
    (r"deepseek.?v3", "deepseek_v3"),
    (r"deepseek.?r1|qwq", "deepseek_r1"),
    (r"glm.?4.?[67]", "glm47"),
    (r"glm", "glm45"),
    (r"gpt.?oss", "openai_gptoss"),
    (r"seed.?oss", "seed_oss"),
    (r"kimi.?k3", "kimi_k3"),
    (r"kimi", "kimi_k2"),
    (r"minimax.?m3", "minimax_m3"),
    (r"minimax", "minimax_m2"),
    (r"minicpm", "minicpmv"),
    (r"mistral|magistral|pixtral", "mistral"),
    (r"gemma.?4", "gemma4"),
    (r"granite", "granite"),
    (r"hunyuan", "hunyuan_a13b"),
    (r"ernie", "ernie45"),
    (r"nemotron", "nemotron_v3"),
    (r"olmo.?3", "olmo3"),
    (r"step.?3.?5", "step3p5"),
    (r"step.?3", "step3"),
    (r"cohere|command", "cohere_command3"),
    (r"holo.?2", "holo2"),
    (r"mimo", "mimo"),
)
"""By the first pattern that a model's type or name has, the name of its parser."""


def thinks(settings: Judge, model: str) -> bool:
    """Say whether a judge's answers begin with a thought, from its settings, its chat template, or its name.

    A hub name is judged by itself, so that the same votes say the same with and without a copy of the model.
    """
    if settings.read is not None:
        return False
    if settings.thinking is not None:
        return settings.thinking
    opens = opens_thought(Path(model)) if Path(model).is_dir() else None
    return "thinking" in Path(model).name.lower() if opens is None else opens


def with_parser(server: Server, model: str) -> Server:
    """Return the server's settings with the reasoning parser that fits the model, unless one is given or none does."""
    given = any(argument.partition("=")[0] == "--reasoning-parser" for argument in server.arguments)
    parser = None if given else reasoning_parser(model)
    if parser is None:
        return server
    return server.model_copy(update={"arguments": [*server.arguments, "--reasoning-parser", parser]})


def reasoning_parser(model: str) -> str | None:
    """Return the name of the parser that fits a model's directory or hub name; None where none is known to."""
    names = [Path(model).name]
    try:
        found = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))
        names.insert(0, str(found.get("model_type")))
    except (OSError, ValueError, AttributeError, RecursionError):
        pass  # a hub name, or a directory whose name has to say it
    fitting = (parser for name in names for pattern, parser in PARSERS if re.search(pattern, name, re.IGNORECASE))
    return next(fitting, None)
