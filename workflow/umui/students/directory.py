"""A trained student on disk: adapters, head, processor, and what it must be used with."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from pydantic import ValidationError
from safetensors.torch import save_file

from umui.backbone import omni
from umui.backbone.omni import Omni
from umui.config.models import Media
from umui.config.students import Student as StudentSettings
from umui.files.atomic import read_json, write_json, write_text
from umui.files.parquet import write_table
from umui.students import adapters
from umui.students.heads.head import Head, head_of
from umui.students.student import DTYPES, Reader, Student
from umui.tables import TRAINING_LOG

HEAD_WEIGHTS, USED_WITH = "confidence_head.safetensors", "clue.json"
PACKAGES = ("torch", "transformers", "peft", "deepspeed")


@dataclass(frozen=True)
class Description:
    """What a student must be used with: its head, prompt, precision, the settings of its evidence, and its base.

    `read_out` names the head, and `head` holds the arguments that make it (`Head.used_with`).
    """

    read_out: str
    head: Mapping[str, Any]
    prompt: str
    dtype: torch.dtype
    media_settings: Media
    base: str
    revision: str | None
    base_digest: str


def write(
    output: Path,
    student: Student,
    model: Omni,
    settings: StudentSettings,
    media_settings: Media,
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
        # Else the padding of the last batch would be saved too, and none after a training resumed at its end.
        model.processor.tokenizer.backend_tokenizer.no_padding()
        model.processor.save_pretrained(made)
        shown = media_settings.model_copy(update={"ffmpeg": None})  # the path is this machine's, not the student's
        used_with = {
            **_head_entries(settings.read_out, student.head.used_with(settings)),
            "prompt": settings.prompt,
            "dtype": settings.training.dtype,
            "media": shown.model_dump(mode="json"),
        }
        write_json(made / USED_WITH, {**used_with, **origin})
        parameters = sum(weight.numel() for weight in student.parameters())
        trained = sum(weight.numel() for weight in student.parameters() if weight.requires_grad)
        write_json(made / "parameters.json", {"parameters": parameters, "trained": trained})
        versions = {package: version(package) for package in PACKAGES}
        card = {**run, **origin, "settings": settings.model_dump(mode="json"), "versions": versions}
        write_json(made / "run_card.json", card)
        write_text(made / "README.md", _model_card(settings, student.head, origin, run, parameters, trained))
        write_table(made / "training_log.parquet", TRAINING_LOG, log)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)


def describe(directory: Path) -> Description:
    """Read what a student must be used with.

    Raises ValueError when `directory` holds no student, or one that another version of this program wrote.
    """
    file = directory / USED_WITH
    try:
        found = read_json(file)
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}; give the directory of a trained student") from error
    try:
        found["media_settings"] = Media.model_validate(found.pop("media"))
        read_out, head = _head_named(found)
        made = Description(**{**found, "read_out": read_out, "head": head, "dtype": DTYPES[found["dtype"]]})
        words = made.read_out, made.prompt, made.base, made.base_digest, made.revision or ""
        if not all(isinstance(word, str) for word in words):
            raise TypeError("a name is no text")
        return made
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"{file}: not as this version writes it ({error}); train the student again") from error


def load(directory: Path, base: str, revision: str | None, dtype: torch.dtype) -> tuple[Omni, Reader]:
    """Load a student with its base, in evaluation mode.

    Raises ValueError when it was trained on another base, or lacks a weight.
    """
    trained, base_directory = describe(directory), omni.resolve(base, revision)
    base_digest = omni.digest(base_directory)
    if trained.base_digest != base_digest:
        raise ValueError(
            f"{directory}: trained on the base {trained.base} with the digest {trained.base_digest[:12]}, "
            f"but the given base has {base_digest[:12]}; give that base, or train the student again"
        )
    model = omni.load(base_directory, dtype)
    weights = adapters.read_weights(directory / adapters.WEIGHTS)
    settings = adapters.read_settings(directory, weights, own=True)
    adapted = adapters.attached(model.thinker, settings, weights, directory, own=True)
    return model, Reader(adapted, _load_head(directory, trained, model, dtype)).eval()


def _load_head(directory: Path, trained: Description, model: Omni, dtype: torch.dtype) -> Head:
    hidden_size = model.thinker.config.text_config.hidden_size
    make = partial(head_of(trained.read_out), hidden_size, dtype=dtype, **trained.head)
    try:
        wanted = {name: weight.shape for name, weight in make(device="meta").state_dict().items()}
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{directory / USED_WITH}: {dict(trained.head)} makes no head ({error})") from error
    weights = adapters.read_weights(directory / HEAD_WEIGHTS) if wanted else {}
    found = {name: weight.shape for name, weight in weights.items()}
    if found != wanted:
        raise ValueError(f"{directory}: {HEAD_WEIGHTS} has {found}, not {wanted}; train the student again")
    head = make()
    head.load_state_dict(weights)
    return head


def _write_weights(directory: Path, student: Student, origin: Mapping[str, str | None]) -> None:
    trained = {name: weight.cpu().contiguous() for name, weight in _adapters(student.adapted).items()}
    save_file(trained, directory / adapters.WEIGHTS, metadata={"format": "pt"})
    adapter_config = student.adapted.peft_config["default"].to_dict()
    adapter_config |= {"base_model_name_or_path": origin["base"], "revision": origin["revision"]}
    adapter_config["inference_mode"] = True
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in adapter_config.items()}
    write_json(directory / adapters.SETTINGS, plain)
    head = {name: weight.cpu().contiguous() for name, weight in student.head.state_dict().items()}
    if head:
        save_file(head, directory / HEAD_WEIGHTS, metadata={"format": "pt"})


def _adapters(adapted: Any) -> dict[str, torch.Tensor]:
    # Whether the vocabulary was changed too, which PEFT would look up on the hub, is known: it was not.
    weights: dict[str, torch.Tensor] = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    return weights


def _head_entries(read_out: str, used_with: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of clue.json from which a head is made again.

    CLUE-D and CLUE-T came first: `bins` alone, a number or null, tells them apart.  Any other head is named.
    """
    if read_out in ("distribution", "text"):
        return {"bins": used_with.get("bins")}
    return {"head": {**used_with, "read_out": read_out}}


def _head_named(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Take these entries out of what clue.json holds; return the read-out's name and what the head is made with."""
    if "head" in found:
        head = {**found.pop("head")}
        return head.pop("read_out"), head
    bins = found.pop("bins")
    return ("text", {}) if bins is None else ("distribution", {"bins": bins})


def _model_card(
    settings: StudentSettings,
    head: Head,
    origin: Mapping[str, str | None],
    run: Mapping[str, Any],
    parameters: int,
    trained: int,
) -> str:
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

Given a premise and a hypothesis it says how probable the hypothesis is, as {head.summary()}.

* Base: {origin["base"]}, revision {origin["revision"]}, digest {str(origin["base_digest"])[:16]}
* {parameters:,} parameters, of which {trained:,} were trained: adapters of rank {settings.lora.rank}
* Prompt: {settings.prompt}
* {run["counts"]["items"]:,} items on {run["premises"]:,} premises, {run["steps"]:,} steps

Trained on:

{sources}

`run_card.json` has the settings, versions and digests; `training_log.parquet` has the loss of every step.
The probabilities are the teacher's or annotators' degrees of belief, learned from the data above.  They are no
facts on people or events, and have not been checked on other data.
"""
