"""The marks between thinking and an answer, of all families of models that vLLM 0.32 has a reasoning parser for."""

import re

_TAG = r"(?:(?:seed|mm):|ifm\|)?(?:think(?:ing)?|thought|reasoning)(?:_fast(?:er)?)?(?::[^\s<>]+)?"
OPENING = re.compile(
    rf"<{_TAG}>"  # Qwen, DeepSeek, GLM, Kimi, Hunyuan, ...; seed: Seed-OSS; mm: MiniMax M3; ifm|: K2 Horizon
    r"|\[THINK\]"  # Mistral
    r"|<\|START_THINKING\|>"  # Command
    r"|<\|channel>"  # Gemma 4
    r"|<\|channel\|>analysis|\Aanalysis(?=[A-Z])"  # gpt-oss, with its special tokens and without
    r"|<\|open\|>\s*think\s*<\|sep\|>"  # Kimi K3
    r"|<\|plamo:begin_think:plamo\|>"
    r"|<\|content_thinking\|>"  # Inkling
    r"|\u25c1think\u25b7"  # Kimi-VL
    r"|to=self<\|message\|>"  # Muse
)
"""Where a thought begins.  Granite's words, "Here's my thought process:", open none, since any model may say them."""

END = re.compile(
    rf"</{_TAG}>"
    r"|\[/THINK\]"
    r"|<\|END_THINKING\|>"
    r"|<channel\|>"
    r"|<\|channel\|>final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>|assistantfinal"
    r"|<\|close\|>\s*think\s*<\|sep\|>"
    r"|<\|plamo:end_think:plamo\|>"
    r"|<\|content_text\|>"
    r"|\u25c1/think\u25b7"
    r"|to=user<\|message\|>"
    r"|Here(?:'s| is) my response:"
)
"""Where a thought ends, and the answer begins."""


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Split thinking output from the answer, after the last mark that ends a thought; without marks there is none.

    A thought that is open at the end was cut off: all of it is reasoning, so that a number it weighs is no answer.
    """
    ends = list(END.finditer(text))
    begin, after = (ends[-1].start(), ends[-1].end()) if ends else (0, 0)
    cut_off = OPENING.search(text, after)
    if not ends and cut_off is None:
        return None, text
    answer, rest = (text[after : cut_off.start()], text[cut_off.end() :]) if cut_off else (text[after:], "")
    thought = text[:begin].strip()
    opened = OPENING.match(thought)
    thoughts = [thought[opened.end() if opened else 0 :].strip(), rest.strip()]
    return "\n".join(filter(None, thoughts)), answer.strip()


def ends_in_a_thought(text: str) -> bool:
    """Say whether a thought is open at the end of `text`, such as a chat template's beginning of the answer."""
    ends = list(END.finditer(text))
    return OPENING.search(text, ends[-1].end() if ends else 0) is not None
