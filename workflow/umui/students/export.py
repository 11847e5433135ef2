"""Merge a student into its base: one checkpoint that transformers and vLLM load without this program.

A CLUE-D student becomes what the paper describes: its bins are the vocabulary entries ``<CONF_0>``, ``<CONF_1>``, ...,
and the rows of its head are their rows in the output matrix.  The softmax over these entries' logits at the prompt's
last token is then the student's distribution.  The head has no bias, as the output matrix has none.
"""

import json
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
        write_json(made / USED_WITH, _used_with(found))
        write_text(made / "README.md", _readme(found))
        made.rename(output)


def merge(model: Omni, student: Reader) -> Omni:
    """Merge the adapters into the thinker, and the head into its vocabulary, in place.

    New tokens take the first numbers after the tokenizer's; rows that the base keeps spare there are used up first.
    """
    thinker: Any = student.adapted.merge_and_unload()
    if student.head is not None:
        tokenizer = model.processor.tokenizer
        names = [confidence_token(number) for number in range(student.head.out_features)]
        known = sorted(tokenizer.get_vocab().keys() & set(names))
        if known:
            raise ValueError(f"the base's tokenizer has {known[0]} already; it cannot stand for a bin")
        tokenizer.add_tokens([AddedToken(name, normalized=False, special=False) for name in names])
        ids_I = torch.tensor(tokenizer.convert_tokens_to_ids(names))
        size = max(int(ids_I.max()) + 1, thinker.get_input_embeddings().num_embeddings)
        thinker.resize_token_embeddings(size, mean_resizing=False)
        with torch.no_grad():
            # Rows of the input matrix are never read, since no prompt holds these tokens; tied ones have to agree.
            for matrix in (thinker.get_input_embeddings().weight, thinker.get_output_embeddings().weight):
                matrix[ids_I] = student.head.weight.to(matrix)
    return Omni(thinker, model.processor)


def confidence_token(number: int) -> str:
    """Return the vocabulary entry of a bin."""
    return f"<CONF_{number}>"


def _used_with(found: Description) -> dict[str, Any]:
    return {
        "prompt": found.prompt,
        "tokens": [confidence_token(number) for number in range(found.bins or 0)],
        "media": found.media_settings.model_dump(mode="json"),
    }


def _readme(found: Description) -> str:
    words = rendering.render(found.prompt, "text", "It rained all night.", "The street is wet.")
    order = "Frames come before sound, and both before the words"
    if rendering.claim_first(found.prompt):
        order = "The claim comes first, then frames, sound, and the other words"
    read_out = (
        f"""Its answer to a prompt is the softmax over the logits of the tokens `<CONF_0>` to `<CONF_{found.bins - 1}>`
alone, at the prompt's last token.  `<CONF_i>` stands for the probability i / {found.bins - 1}; the mean is the answer:

```python
import torch
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

processor = Qwen2_5OmniProcessor.from_pretrained(".")
thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(".", dtype="auto")
words = {json.dumps(words.claim + words.premise + words.hypothesis)}
messages = [{{"role": "user", "content": [{{"type": "text", "text": words}}]}}]
prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
tokens = processor.tokenizer.convert_tokens_to_ids([f"<CONF_{{i}}>" for i in range({found.bins})])
with torch.no_grad():
    logits = thinker(**processor(text=[prompt], return_tensors="pt")).logits[0, -1, tokens]
print(float(logits.double().softmax(-1) @ torch.linspace(0, 1, {found.bins}, dtype=torch.float64)))
```
"""
        if found.bins
        else "It answers in words, such as `<answer>0.65</answer>` (CLUE-T).\n"
    )
    return f"""---
base_model: {found.base}
---
# A student for uncertain inference, merged into its base

{read_out}
The prompt's words, which are those of the template {found.prompt}, and the rates and sizes of frames and sound
have to be those of the training: `{USED_WITH}` names them.  {order}.
"""
