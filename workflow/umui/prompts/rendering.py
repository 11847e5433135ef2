"""Render a prompt's templates into the words around the evidence.

Teacher and student share this.  The system part depends on the modality alone, the premise part on the premise, and the
hypothesis part comes last, so that a premise's computation serves all of its hypotheses.  Pictures come before sound,
and both before the premise's words.  A template may have a further block, `claim`, with the hypothesis before all
evidence, of which nothing is then shared.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from umui.evidence.shown import SHOWN
from umui.files.digests import digest_json
from umui.prompts.control_tokens import broken_up
from umui.tables import Modality

TEMPLATES = Path(__file__).with_name("templates")
_BLOCKS = ("system", "premise", "hypothesis", "claim")


@dataclass(frozen=True)
class Words:
    """The words of one prompt; `premise` ends in a line break, so that its tokens do not depend on the hypothesis.

    `claim` stands before the evidence; most prompts have none.
    """

    system: str
    premise: str
    hypothesis: str
    claim: str = ""

    @property
    def digest(self) -> str:
        """The sha256 of the words."""
        return digest_json([self.system, self.premise, self.hypothesis, *filter(None, [self.claim])])


def render(
    prompt: str,
    modality: Modality,
    premise_text: str | None,
    hypothesis: str,
    tokens: Collection[str] | None = frozenset(),
) -> Words:
    """Render the template `prompt`, such as ``scalar-v1``.

    `tokens` are those that the model's tokenizer has added (control_tokens): they are broken up in the texts, beside
    all ``<|...|>``; None breaks up those of well-known families.  Raises ValueError when there is no such template.
    """
    context = {
        "evidence": SHOWN[modality].words,
        "premise_text": broken_up(_harmless(premise_text or ""), tokens),
        "hypothesis": broken_up(_harmless(hypothesis), tokens),
    }
    return Words(**{name: _block(prompt, name, context) for name in _BLOCKS})


def render_whole(template: Path, modality: Modality, premise_text: str | None, hypothesis: str) -> Words:
    """Render a user's own template, whose parts stand in any order: its blocks are `system` and `user`.

    The blocks know `modality`, `premise_text` (empty where there is none) and `hypothesis`; all of the user's turn
    comes back as the premise's words.  Raises ValueError when the template cannot be read or lacks a block.
    """
    context = {
        "modality": modality,
        "premise_text": _harmless(premise_text or ""),
        "hypothesis": _harmless(hypothesis),
    }
    blocks = _whole(template)
    try:
        system, user = ("".join(blocks.blocks[name](blocks.new_context(context))) for name in ("system", "user"))
    except jinja2.UndefinedError as error:
        raise ValueError(f"{template}: {error}; known are {', '.join(sorted(context))}") from error
    return Words(system=system, premise=user, hypothesis="")


def check_template(prompt: str) -> None:
    """Raise ValueError, which begins with ``prompt:``, when there is no template `prompt`, or a faulty one."""
    try:
        missing = [
            name for name in ("answer", "system", "premise", "hypothesis") if name not in _template(prompt).blocks
        ]
        if missing:
            raise ValueError(f"prompt: {prompt}.jinja lacks the blocks {', '.join(missing)}; begin with another's copy")
        if (form := _block(prompt, "answer", {})) not in ("scalar", "binary"):
            raise ValueError(f"prompt: {prompt}.jinja: the block answer is {form!r}; make it scalar or binary")
        render(prompt, "text", "", "")
    except jinja2.TemplateError as error:
        raise ValueError(f"prompt: {prompt}.jinja cannot be rendered: {error}") from error


def claim_first(prompt: str) -> bool:
    """Say whether the template puts the hypothesis before the evidence."""
    return "claim" in _template(prompt).blocks


def answer_form(prompt: str) -> Literal["scalar", "binary"]:
    """Return what the template asks for: a probability (scalar), or Yes or No (binary)."""
    return "binary" if _block(prompt, "answer", {}) == "binary" else "scalar"


def _harmless(text: str) -> str:
    """Break up what a tokenizer could take for a control token, since texts come from anywhere."""
    return text.replace("<|", "< |").replace("|>", "| >")


def _block(prompt: str, name: str, context: dict[str, str]) -> str:
    template = _template(prompt)
    if name == "claim" and name not in template.blocks:
        return ""
    return "".join(template.blocks[name](template.new_context(context)))


@cache
def _whole(file: Path) -> jinja2.Template:
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    try:
        template = environment.from_string(file.read_text(encoding="utf-8"))
    except (OSError, jinja2.TemplateSyntaxError) as error:
        raise ValueError(f"{file}: cannot be read as a prompt's template ({error})") from error
    if missing := {"system", "user"} - template.blocks.keys():
        raise ValueError(f"{file}: the block {min(missing)} is missing; the template needs the blocks system and user")
    return template


@cache
def _template(prompt: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=False
    )
    try:
        return environment.get_template(f"{prompt}.jinja")
    except jinja2.TemplateNotFound as error:
        known = ", ".join(sorted(path.stem for path in TEMPLATES.glob("*.jinja")))
        raise ValueError(f"prompt: {prompt!r} is not among the templates: {known}") from error
