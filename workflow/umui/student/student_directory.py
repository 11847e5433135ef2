"""A trained student on disk: adapters, head, processor, and what it must be used with."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from umui import config
from umui.artifacts import write_json, write_table, write_text
from umui.student.model import Student
from umui.student.omni import Omni
from umui.tables import TRAINING_LOG

ADAPTER, HEAD, READ_OUT = "adapter_model.safetensors", "confidence_head.safetensors", "clue.json"
PACKAGES = ("torch", "transformers", "peft", "deepspeed")


def write(
    output: Path,
    student: Student,
    omni: Omni,
    settings: config.Student,
    origin: Mapping[str, str | None],
    run: Mapping[str, Any],
    log: Sequence[Mapping[str, Any]],
) -> None:
    """Write the student's directory whole or not at all.

    `origin` names the base: its path or hub name, its revision and the digest of its weights.  `run` is what the run
    card tells of the data and the training.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.", suffix=".part") as parent:
        made = Path(parent) / output.name
        made.mkdir()
        _write_weights(made, student, origin)
        omni.processor.save_pretrained(made)
        read_out = {key: getattr(settings, key) for key in ("read_out", "bins", "sigma", "prompt")}
        write_json(made / READ_OUT, {**read_out, **origin})
        parameters = sum(weight.numel() for weight in student.parameters())
        trained = sum(weight.numel() for weight in student.parameters() if weight.requires_grad)
        write_json(made / "parameters.json", {"parameters": parameters, "trained": trained})
        versions = {package: version(package) for package in PACKAGES}
        card = {**run, **origin, "settings": settings.model_dump(mode="json"), "versions": versions}
        write_json(made / "run_card.json", card)
        write_text(made / "README.md", _model_card(settings, origin, run, parameters, trained))
        write_table(made / "training_log.parquet", TRAINING_LOG, log)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)


def read_weights(directory: Path, student: Student, base_digest: str) -> None:
    """Load a student's weights into `student`.

    Raises ValueError when it was trained on another base, or lacks a weight.
    """
    trained_on = json.loads((directory / READ_OUT).read_text(encoding="utf-8"))
    if trained_on["base_digest"] != base_digest:
        raise ValueError(
            f"{directory}: trained on the base {trained_on['base']} with the digest {trained_on['base_digest'][:12]}, "
            f"but the given base has {base_digest[:12]}; give that base, or train the student again"
        )
    adapters = load_file(directory / ADAPTER)
    wanted = get_peft_model_state_dict(student.adapted)
    if adapters.keys() != wanted.keys():
        raise ValueError(f"{directory}: {ADAPTER} has other adapters than the settings' lora; train the student again")
    set_peft_model_state_dict(student.adapted, adapters)
    if student.head is not None:
        student.head.load_state_dict(load_file(directory / HEAD))


def _write_weights(directory: Path, student: Student, origin: Mapping[str, str | None]) -> None:
    adapters = {name: weight.cpu().contiguous() for name, weight in get_peft_model_state_dict(student.adapted).items()}
    save_file(adapters, directory / ADAPTER, metadata={"format": "pt"})
    adapter_config = student.adapted.peft_config["default"].to_dict()
    adapter_config |= {"base_model_name_or_path": origin["base"], "revision": origin["revision"]}
    adapter_config["inference_mode"] = True
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in adapter_config.items()}
    write_json(directory / "adapter_config.json", plain)
    if student.head is not None:
        head = {name: weight.cpu().contiguous() for name, weight in student.head.state_dict().items()}
        save_file(head, directory / HEAD, metadata={"format": "pt"})


def _model_card(
    settings: config.Student, origin: Mapping[str, str | None], run: Mapping[str, Any], parameters: int, trained: int
) -> str:
    read_out = (
        f"a distribution over {settings.bins} probabilities from 0 to 1, whose mean is the answer (CLUE-D)"
        if settings.read_out == "distribution"
        else "text such as `<answer>0.65</answer>` (CLUE-T)"
    )
    sources = "\n".join(
        f"* {dataset}: {', '.join(source.modalities)}; "
        + (f"labels of the teacher {source.teacher}, {source.label}" if source.teacher else "its own probabilities")
        for dataset, source in settings.sources.items()
    )
    return f"""---
base_model: {origin["base"]}
library_name: peft
---
# A student for uncertain inference over text, sound and video

Given a premise and a hypothesis it says how probable the hypothesis is, as {read_out}.

* Base: {origin["base"]}, revision {origin["revision"]}, digest {str(origin["base_digest"])[:16]}
* {parameters:,} parameters, of which {trained:,} were trained: adapters of rank {settings.lora.rank}
* Prompt: {settings.prompt}
* {run["counts"]["items"]:,} items on {run["premises"]:,} premises, {settings.training.steps} steps

Trained on:

{sources}

`run_card.json` has the settings, versions and digests; `training_log.parquet` has the loss of every step.
The probabilities are the teacher's or annotators' degrees of belief, learned from the data above.  They are no
facts on people or events, and have not been checked on other data.
"""
