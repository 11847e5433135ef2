"""Adapters on disk, from anywhere: read so that nothing of their files but names and numbers counts.

PEFT would take a regular expression, another kind of adapter with paths of its own, or an initialisation that changes
the base, from their configuration.
"""

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file

from umui.config.students import Lora
from umui.files.atomic import read_json

WEIGHTS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"
TARGETS = get_args(get_args(Lora.model_fields["targets"].annotation)[0])
_BEFORE, _AFTER = r".*language_model\.layers\.\d+\.(self_attn|mlp)\.(", ")"
# What differs from adapter to adapter, and what says nothing of what it does.
_OWN = {"r", "lora_alpha", "lora_dropout", "target_modules"}
_TOLD = {"base_model_name_or_path", "revision", "inference_mode", "peft_version", "task_type", "auto_mapping"}
_SWITCHES = ("use_rslora", "use_dora")  # that another program's adapters may have
_RANK = re.compile(r"\.lora_A\.weight$")


def decoder_modules(targets: Sequence[str]) -> str:
    """Return the pattern of the text decoder's modules of these names."""
    return f"{_BEFORE}{'|'.join(targets)}{_AFTER}"


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Read a file of tensors.  Raises ValueError naming one that is missing or damaged."""
    if not file.is_file():
        raise ValueError(f"{file}: no such file; train or fetch the model again")
    try:
        return load_file(file)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read as safetensors ({error}); train or fetch the model again") from error


def read_settings(directory: Path, weights: Mapping[str, torch.Tensor], own: bool) -> LoraConfig:
    """Read the configuration of the adapters in `directory`; those of this program are its `own`.

    Raises ValueError when it asks for what this program does not do with adapters, or does not fit the weights.
    """
    file = directory / SETTINGS
    found = read_json(file)
    if not isinstance(found, dict) or found.get("peft_type") != "LORA":
        raise ValueError(f"{file}: no configuration of a LoRA adapter (peft_type: LORA); no other kind is read")
    usual = LoraConfig().to_dict()
    for key, value in found.items():
        free = key in _OWN or key in _TOLD or (not own and key in _SWITCHES and isinstance(value, bool))
        if not free and value and value != usual.get(key):
            raise ValueError(f"{file}: {key}: {value!r} is not supported; train the adapter without it")
    rank, alpha, dropout = found.get("r"), _number(found.get("lora_alpha")), _number(found.get("lora_dropout"))
    ranks = {weight.shape[0] for name, weight in weights.items() if _RANK.search(name) and weight.ndim == 2}
    if type(rank) is not int or ranks != {rank}:
        raise ValueError(f"{file}: r: {rank!r}, but the adapters of {WEIGHTS} have the ranks {sorted(ranks)}")
    if not 0 < alpha < math.inf or not 0 <= dropout < 1:
        raise ValueError(f"{file}: lora_alpha must be above 0, and lora_dropout from 0 to below 1")
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        inference_mode=True,
        target_modules=decoder_modules(_own_targets(file, found.get("target_modules"))) if own else None,
        **({} if own else {key: found.get(key, False) for key in _SWITCHES}),
    )


def _number(value: Any) -> float:
    """Return a number as it is, and nan for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _own_targets(file: Path, given: Any) -> list[str]:
    """Return the names in `target_modules`, as `decoder_modules` wraps them or as a list."""
    if isinstance(given, str) and given.startswith(_BEFORE) and given.endswith(_AFTER):
        given = given.removeprefix(_BEFORE).removesuffix(_AFTER).split("|")
    if not isinstance(given, list) or not given or not all(name in TARGETS for name in given):
        raise ValueError(f"{file}: target_modules: not names of {', '.join(TARGETS)}; train the student again")
    return given


def attached(
    thinker: Any, settings: LoraConfig, weights: Mapping[str, torch.Tensor], directory: Path, own: bool
) -> Any:
    """Return a thinker with adapters of these weights.

    Raises ValueError when the weights are not exactly those that the settings ask for.
    """
    fault = f"{directory}: {WEIGHTS} has other adapters than its configuration, or does not fit the base"
    remedy = "train the student again, or give the base that it was trained on"
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # PEFT's use of transformers
            adapted = get_peft_model(thinker, settings, autocast_adapter_dtype=False)
        # Whether the vocabulary was changed too, which PEFT would look up on the hub, is known: it was not.
        wanted = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        odd = wanted.keys() ^ weights.keys() if own else wanted.keys() - weights.keys()
        if not odd:  # other programs keep layers of the base beside the adapters
            odd = set(set_peft_model_state_dict(adapted, dict(weights)).unexpected_keys)
        if odd:
            raise ValueError(f"{fault}, for instance at {min(odd)}; {remedy}")
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"{fault} ({error}); {remedy}") from error
    return adapted
