"""Students in the layout of the published checkpoint, which another program trained.

A directory holds a whole base, whose vocabulary has an entry ``<CON_i>`` (or ``<CONF_i>``, as the paper writes it) for
each bin, and an adapter in its folder ``lora``.  The claim stands first in the prompt, so that no two hypotheses share
a premise's computation.  The prompt's words and the rates of the evidence are not in the directory: the user gives
them, as they were in that student's training.
"""

import re
from pathlib import Path
from typing import Any

import torch

from umui.backbone import omni
from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.config.models import Media
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.prompts import rendering
from umui.students import adapters
from umui.students.heads.distribution import Distribution
from umui.students.student import Reader

CONFIDENCE = re.compile(r"<CONF?_(\d+)>")
ADAPTERS = "lora"
_RENAMED = (  # earlier transformers, and the whole model instead of the thinker -> the thinker now
    (re.compile(r"^base_model\.model\.thinker\."), "base_model.model."),
    (re.compile(r"^base_model\.model\.model\.(?=layers\.|embed_tokens\.)"), "base_model.model.model.language_model."),
)
_ADAPTED = re.compile(r"^base_model\.model\.(.+)\.lora_A\.weight$")


class WholePromptEncoder(Encoder):
    """Encodes whole prompts, of a user's template, of which no part is shared; takes `AskedPremise` alone."""

    def __init__(self, model: Omni, template: Path, media_settings: Media, evidence: Evidence) -> None:
        super().__init__(model, str(template), media_settings, evidence)
        self._template = template

    def words(self, premise: Premise, hypothesis: str) -> rendering.Words:
        """Return the whole prompt as the premise's words."""
        assert isinstance(premise, AskedPremise)
        return rendering.render_whole(self._template, premise.modality, premise.text, premise.hypothesis)


def load(directory: Path, dtype: torch.dtype) -> tuple[Omni, Reader]:
    """Load such a student on the GPU where there is one; the head's rows are the bins' rows of the output matrix.

    Raises ValueError when there are no bins, or when the adapter does not fit the base.
    """
    model = omni.load(omni.resolve(str(directory), None), dtype)
    if (directory / ADAPTERS).is_dir():
        model = Omni(_merged(model.thinker, directory / ADAPTERS), model.processor)
    places = {int(match[1]): place for token, place in model.processor.tokenizer.get_vocab().items()
              if (match := CONFIDENCE.fullmatch(token))}  # fmt: skip
    if len(places) < 2 or sorted(places) != list(range(len(places))):
        raise ValueError(f"{directory}: the vocabulary lacks <CON_0>, <CON_1>, ... without gaps; this is no CLUE-D")
    rows_IH = model.thinker.lm_head.weight[[places[number] for number in range(len(places))]].detach()
    head = Distribution(rows_IH.shape[1], bins=rows_IH.shape[0], dtype=dtype)
    head.load_state_dict({"weight": rows_IH})
    return model, Reader(model.thinker, head).eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _merged(thinker: Any, directory: Path) -> Any:
    """Merge an adapter into a thinker, whatever names the thinker's modules had when it was trained."""
    for name in (adapters.WEIGHTS, adapters.SETTINGS):
        if not (directory / name).exists():
            raise ValueError(f"{directory}: {name} is missing; adapters in other files are not read")
    found = adapters.read_weights(directory / adapters.WEIGHTS)
    weights = {_renamed(name): weight for name, weight in found.items()}
    settings = adapters.read_settings(directory, weights, own=False)
    settings.target_modules = {match[1] for name in weights if (match := _ADAPTED.match(name))}
    return adapters.attached(thinker, settings, weights, directory, own=False).merge_and_unload()


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name
