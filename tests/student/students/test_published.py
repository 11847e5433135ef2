"""A checkpoint in the published layout is read out as its own program reads it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from clips import H264, PICTURES, make
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from student_world import MEDIA

from umui.backbone import omni
from umui.backbone.encoding import video_arguments
from umui.evidence.decoded import Evidence
from umui.files.digests import digest_file
from umui.media.extraction import Source, extract
from umui.processes import ffmpeg as ffmpeg_process
from umui.use.scorer import Scorer

BINS = 20
PROMPT = """\
{%- block system -%}
Estimate a probability from the {{ modality }}.
{%- endblock -%}
{%- block user -%}
Claim: {{ hypothesis }}{% if premise_text %}
Sentence: {{ premise_text }}{% endif %}
{%- endblock -%}
"""


@pytest.fixture(scope="module")
def published(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """The directory, and the same thinker, adapters in place, with its processor, as PEFT itself has them."""
    directory = tmp_path_factory.mktemp("published") / "model"
    model = omni.load(base, torch.float32)
    model.processor.tokenizer.add_tokens([f"<CON_{number}>" for number in range(BINS)])
    generator = torch.Generator().manual_seed(1)
    model.thinker.resize_token_embeddings(len(model.processor.tokenizer), mean_resizing=False)
    for matrix in (model.thinker.lm_head, model.thinker.get_input_embeddings()):
        matrix.weight.data.normal_(0, 0.1, generator=generator)
    omni.save(model, directory)
    names = [name for name, _ in model.thinker.named_modules()]
    layers = [name for name in names if "language_model.layers" in name and name.endswith(("q_proj", "o_proj"))]
    adapters = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.1, target_modules=[*layers, "lm_head"])
    adapted = get_peft_model(model.thinker, adapters).eval()
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data.normal_(0, 0.1, generator=generator)
    adapted.save_pretrained(directory / "lora")
    file = directory / "lora" / "adapter_model.safetensors"
    old = {name.replace(".language_model.", "."): weight for name, weight in load_file(file).items()}
    save_file(old, file, metadata={"format": "pt"})  # under the names of the transformers of its time
    (directory / "prompt.jinja").write_text(PROMPT)
    return directory, adapted, model.processor


@torch.no_grad()
def wanted(adapted: PeftModel, processor: Any, words: tuple[str, str], **media: Any) -> float:
    system, user = words
    content: list[dict[str, str]] = [{"type": "video", "video": ""}] if media else []
    messages = [
        {"role": "system", "content": [{"type": "text", "text": system}]},
        {"role": "user", "content": [*content, {"type": "text", "text": user}]},
    ]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    logits = adapted(**processor(text=[text], return_tensors="pt", **media)).logits[0, -1]
    tokens = processor.tokenizer.convert_tokens_to_ids([f"<CON_{number}>" for number in range(BINS)])
    return float(logits[tokens].double().softmax(-1) @ torch.linspace(0, 1, BINS, dtype=torch.float64))


def test_texts_and_clips_are_read_out_alike(published: tuple[Path, Any, Any], tmp_path: Path) -> None:
    directory, adapted, processor = published
    scorer = Scorer.from_published(directory, directory / "prompt.jinja", MEDIA)
    probabilities = []
    for claim in ("It is red.", "Nothing happened."):
        words = "Estimate a probability from the text.", f"Claim: {claim}\nSentence: The balls were red."
        probabilities.append(scorer.score(claim, text="The balls were red.").probability)
        assert probabilities[-1] == pytest.approx(wanted(adapted, processor, words), abs=1e-5)
    clip = make(tmp_path / "clip.mp4", *PICTURES, *H264)
    done = extract(MEDIA, ffmpeg_process.binary(), Source(digest_file(clip), str(clip), frozenset({"pictures"})))
    frames = Evidence(pa.Table.from_pylist([{"media_id": "clip", "frames": done.frames}])).frames("clip")
    arguments = {"videos": [frames], "videos_kwargs": {**video_arguments(MEDIA), "cap_pixels_per_frame": False}}
    words = "Estimate a probability from the video.", "Claim: It is red."
    probabilities.append(scorer.score("It is red.", video=clip).probability)
    assert probabilities[-1] == pytest.approx(wanted(adapted, processor, words, **arguments), abs=1e-5)
    assert len({round(probability, 3) for probability in probabilities}) == 3


def test_the_adapter_counts(published: tuple[Path, Any, Any]) -> None:
    _, adapted, processor = published
    words = "Estimate a probability from the text.", "Claim: It is red.\nSentence: It was."
    with adapted.disable_adapter():
        without = wanted(adapted, processor, words)
    assert abs(without - wanted(adapted, processor, words)) > 1e-3


def test_an_adapter_of_another_base_is_refused(published: tuple[Path, Any, Any], tmp_path: Path) -> None:
    directory = shutil.copytree(published[0], tmp_path / "model")
    file = directory / "lora" / "adapter_model.safetensors"
    weights = load_file(file)
    del weights["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"does not fit the base, for instance at .*q_proj\.lora_B"):
        Scorer.from_published(directory, directory / "prompt.jinja", MEDIA)


def test_a_base_without_bins_is_refused(base: Path, published: tuple[Path, Any, Any]) -> None:
    with pytest.raises(ValueError, match="the vocabulary lacks <CON_0>"):
        Scorer.from_published(base, published[0] / "prompt.jinja", MEDIA)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{% block system %}{% endblock %}", "block user is missing"),
        ("{% block system %}", "cannot be read"),
        ("{% block system %}{% endblock %}{% block user %}{{ claim }}{% endblock %}", "'claim' is undefined"),
    ],
)
def test_a_faulty_prompt_is_named(text: str, fault: str, published: tuple[Path, Any, Any], tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.jinja"
    prompt.write_text(text)
    scorer = Scorer.from_published(published[0], prompt, MEDIA)
    with pytest.raises(ValueError, match=fault):
        scorer.score("It is red.", text="It was.")
