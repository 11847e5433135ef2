"""Merge a student into its base: one checkpoint that transformers and vLLM load without this program.

The weights of a student's head become rows of the output matrix, of new vocabulary entries (`Head.vocabulary`).  A
CLUE-D student becomes what the paper describes: its bins are the entries ``<CONF_0>``, ``<CONF_1>``, ..., and the
softmax over their logits at the prompt's last token is the student's distribution.
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import torch
from tokenizers import AddedToken

from umui.arguments import StudentDirectory, TrainedBase
from umui.backbone import omni
from umui.backbone.omni import Omni
from umui.files.atomic import write_json, write_text
from umui.prompts import rendering
from umui.students import directory as student_directory
from umui.students.directory import USED_WITH, Description
from umui.students.heads.head import Head
from umui.students.student import Reader


def export(
    model: StudentDirectory, base: TrainedBase, output: Annotated[Path, "the checkpoint's directory, written"]
) -> None:
    """Merge a student into its base: a checkpoint for transformers and vLLM.

    It has the layout of the published checkpoints, and is written whole or not at all.
    Adapters are merged in single precision; the weights are written in the precision that the student was trained in.
    Raises ValueError when `output` exists, when there is no student, or when the base is not its own.
    """
    if output.exists():
        raise ValueError(f"{output}: exists; delete it, or give another directory")
    found = student_directory.describe(model)
    where, revision = (found.base, found.revision) if base is None else (base, None)
    loaded, student = student_directory.load(model, where, revision, torch.float32)
    merged = merge(loaded, student)
    merged.thinker.to(found.dtype)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.", suffix=".part") as parent:
        made = Path(parent) / output.name
        omni.save(merged, made)
        write_json(made / USED_WITH, _used_with(found, student.head))
        write_text(made / "README.md", _readme(found, student.head))
        made.rename(output)


def merge(model: Omni, student: Reader) -> Omni:
    """Merge the adapters into the thinker, and the head into its vocabulary, in place.

    New tokens take the first numbers after the tokenizer's; rows that the base keeps spare there are used up first.
    """
    thinker: Any = student.adapted.merge_and_unload()
    rows = student.head.vocabulary()
    if rows:
        tokenizer = model.processor.tokenizer
        known = sorted(tokenizer.get_vocab().keys() & rows.keys())
        if known:
            raise ValueError(f"the base's tokenizer has {known[0]} already; it cannot stand for what the head adds")
        tokenizer.add_tokens([AddedToken(name, normalized=False, special=False) for name in rows])
        ids_I = torch.tensor(tokenizer.convert_tokens_to_ids(list(rows)))
        size = max(int(ids_I.max()) + 1, thinker.get_input_embeddings().num_embeddings)
        thinker.resize_token_embeddings(size, mean_resizing=False)
        with torch.no_grad():
            # Rows of the input matrix are never read, since no prompt holds these tokens; tied ones have to agree.
            for matrix in (thinker.get_input_embeddings().weight, thinker.get_output_embeddings().weight):
                matrix[ids_I] = torch.stack(list(rows.values())).to(matrix)
    return Omni(thinker, model.processor)


def _used_with(found: Description, head: Head) -> dict[str, Any]:
    return {
        "prompt": found.prompt,
        "tokens": list(head.vocabulary()),
        "media": found.media_settings.model_dump(mode="json"),
    }


def _readme(found: Description, head: Head) -> str:
    words = rendering.render(found.prompt, "text", "It rained all night.", "The street is wet.")
    order = "Frames come before sound, and both before the words"
    if rendering.claim_first(found.prompt):
        order = "The claim comes first, then frames, sound, and the other words"
    return f"""---
base_model: {found.base}
---
# A student for uncertain inference, merged into its base

{head.instructions(words.claim + words.premise + words.hypothesis)}
The prompt's words, which are those of the template {found.prompt}, and the rates and sizes of frames and sound
have to be those of the training: `{USED_WITH}` names them.  {order}.
"""
