"""Qwen2.5-Omni thinkers on disk, in the layout of the published checkpoints.

`config.json` holds the thinker's configuration under ``thinker_config``, and its weights are named ``thinker.*``.  vLLM
reads this layout, and so does `load`; the talker and the vocoder of a published checkpoint are left where they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors.torch import save_file
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration
from transformers.utils import logging

from umui.files.atomic import read_json, write_json
from umui.files.checkpoint import checkpoint_digest
from umui.files.digests import check_pinned

logging.disable_progress_bar()
logging.set_verbosity_error()  # every Omni configuration warns of the tokens of its absent talker

MODEL_TYPE = "qwen2_5_omni"
MOST_SAID = 300  # characters of another library's message
OTHER_PARTS = ("talker.", "token2wav.")
# What is fetched of a base, all of which is its identity: every JSON file and text, whatever it is for.  The identity
# of a model that is asked takes less (umui.asking.planning).
FILES = ("*.json", "*.safetensors", "*.txt", "*.jinja")
_WEIGHT_NAMES = {  # in transformers -> in the published checkpoints
    "model.language_model.": "thinker.model.",
    "model.audio_tower.": "thinker.audio_tower.",
    "model.visual.": "thinker.visual.",
    "lm_head.": "thinker.lm_head.",
}


@dataclass(frozen=True)
class Omni:
    """A thinker with its processor."""

    thinker: Any  # Qwen2_5OmniThinkerForConditionalGeneration
    processor: Any  # Qwen2_5OmniProcessor


def resolve(base: str, revision: str | None) -> Path:
    """Return the directory of a checkpoint, fetching it when `base` is a hub name.

    Raises ValueError when there is none, or it is not a Qwen2.5-Omni.
    """
    directory = Path(base)
    if not directory.is_dir():
        check_pinned(base, revision)
        try:
            directory = Path(snapshot_download(base, revision=revision, allow_patterns=list(FILES)))
        except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
            raise ValueError(
                f"{base}: no such directory, and nothing fetched by that name ({error}); give the directory or hub "
                "name of the base model"
            ) from error
    config = read_json(directory / "config.json")
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != MODEL_TYPE:
        raise ValueError(f"{base}: its model_type is {found!r}; the base of a student must be a {MODEL_TYPE} model")
    return directory


def digest(directory: Path) -> str:
    """Return the sha256 of a checkpoint's weights, configuration and tokenizer."""
    return checkpoint_digest(directory, FILES)


def load(directory: Path, dtype: torch.dtype) -> Omni:
    """Load a checkpoint in evaluation mode.

    Raises ValueError when weights are missing or of another shape, since they would be left at random values, and when
    a file of it cannot be read.
    """
    try:
        thinker, report = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
            directory, dtype=dtype, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        processor = Qwen2_5OmniProcessor.from_pretrained(directory, trust_remote_code=False)
    except Exception as error:  # of whatever kind: the libraries trust a checkpoint's files
        said = " ".join(str(error).split()) or "nothing said"
        raise ValueError(
            f"{directory}: cannot be loaded as a {MODEL_TYPE} model ({type(error).__name__}: {said[:MOST_SAID]}); "
            "one of its files is damaged or of another model: fetch or make it again"
        ) from error
    unknown = sorted(name for name in report["unexpected_keys"] if not name.startswith(OTHER_PARTS))
    for fault, names in (
        ("lacks", sorted(report["missing_keys"])),
        ("has unknown", unknown),
        ("has other shapes of", sorted(str(name) for name in report["mismatched_keys"])),
    ):
        if names:
            raise ValueError(f"{directory}: the checkpoint {fault} {len(names)} weights, such as {names[0]}")
    return Omni(thinker.eval(), processor)


def save(omni: Omni, directory: Path) -> None:
    """Write a thinker and its processor into `directory`, so that both vLLM and `load` read it."""
    config = omni.thinker.config.to_dict()
    for kind in ("audio", "image", "video"):  # vLLM reads the one name, transformers the other
        config[f"{kind}_token_id"] = config[f"{kind}_token_index"]
    weights = published_names(omni.thinker.state_dict())
    directory.mkdir(parents=True, exist_ok=True)
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    write_json(
        directory / "config.json",
        {
            "architectures": ["Qwen2_5OmniModel"],
            "model_type": MODEL_TYPE,
            "thinker_config": config,
            "enable_audio_output": False,
            "dtype": str(omni.thinker.dtype).removeprefix("torch."),
        },
    )
    parameters = sum(weight.numel() for weight in omni.thinker.parameters())
    write_json(directory / "parameters.json", {"parameters": parameters})
    omni.thinker.generation_config.save_pretrained(directory)
    omni.processor.save_pretrained(directory)


def published_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of a thinker to the names of the published checkpoints."""
    renamed = {}
    for name, weight in weights.items():
        prefix = next(prefix for prefix in _WEIGHT_NAMES if name.startswith(prefix))
        renamed[_WEIGHT_NAMES[prefix] + name.removeprefix(prefix)] = weight.contiguous()
    return renamed
