"""A Qwen2.5-Omni thinker of about a million weights, with real tokenizer and processor classes.

At this width the stock initialisation (standard deviation 0.02) buries the evidence under the position codes, so that
training stays on a plateau.  `initialise` draws weights by fan-in, and `calibrate_audio` scales the audio stem to data.
"""

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    WhisperFeatureExtractor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from umui.backbone.encoding import video_arguments
from umui.config.models import Media, Tiny

NAMED_TOKENS = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
CONTROL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_pad|>", *NAMED_TOKENS.values()]
ANSWER_TOKENS = ["<answer>", "</answer>"]  # ordinary added tokens, which decoding keeps
VOCABULARY_SIZE = 1024  # at most; the merges of a small world's words end before
ATTENTION_HEADS, KEY_VALUE_HEADS = 4, 2
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
{%- if message.content is string -%}{{- message.content -}}
{%- else -%}
{%- for content in message.content -%}
{%- if content.type in ('image', 'image_url') -%}{{- '<|vision_bos|><|IMAGE|><|vision_eos|>' -}}
{%- elif content.type in ('video', 'video_url') -%}{{- '<|vision_bos|><|VIDEO|><|vision_eos|>' -}}
{%- elif content.type in ('audio', 'audio_url', 'input_audio') -%}{{- '<|audio_bos|><|AUDIO|><|audio_eos|>' -}}
{%- elif content.text is defined -%}{{- content.text -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"""


def tokenizer(texts: Iterable[str]) -> Any:
    """Train a byte-level BPE tokenizer of Qwen's kind on `texts`; it can write any text."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.NFC()
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY_SIZE, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    model = json.loads(trained.to_str())["model"]
    made = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=NAMED_TOKENS,
        padding_side="left",
        model_max_length=32768,
    )
    made.add_special_tokens({"extra_special_tokens": CONTROL_TOKENS})
    made.add_tokens(ANSWER_TOKENS)
    return made


def processor(settings: Tiny, media_settings: Media, texts: Iterable[str]) -> Any:
    """Make the processor: the tokenizer trained on `texts`, and pictures and sound as the evidence has them."""
    video = video_arguments(media_settings)
    return Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(size=video["size"]),
        video_processor=Qwen2VLVideoProcessor(**video, min_frames=2),
        feature_extractor=WhisperFeatureExtractor(
            feature_size=128,
            sampling_rate=media_settings.sample_rate_hz,
            hop_length=160,
            chunk_length=settings.max_audio_s,
            n_fft=400,
            return_attention_mask=True,
        ),
        tokenizer=tokenizer(texts),
        chat_template=CHAT_TEMPLATE,
    )


def thinker(settings: Tiny, made_tokenizer: Any) -> Any:
    """Make the thinker with weights drawn from the settings' seed."""
    tokens = {token: made_tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    architecture = Qwen2_5OmniThinkerConfig(
        text_config=_text_decoder(settings, made_tokenizer, tokens),
        audio_config=_audio_tower(settings),
        vision_config=_vision_tower(settings),
        audio_token_index=tokens["<|AUDIO|>"],
        image_token_index=tokens["<|IMAGE|>"],
        video_token_index=tokens["<|VIDEO|>"],
        audio_start_token_id=tokens["<|audio_bos|>"],
        audio_end_token_id=tokens["<|audio_eos|>"],
        vision_start_token_id=tokens["<|vision_bos|>"],
        vision_end_token_id=tokens["<|vision_eos|>"],
        vision_token_id=tokens["<|vision_pad|>"],
        user_token_id=made_tokenizer.convert_tokens_to_ids("user"),
        pad_token_id=tokens["<|endoftext|>"],
        tie_word_embeddings=False,
        position_id_per_seconds=25,
        seconds_per_chunk=2,
    )
    made = Qwen2_5OmniThinkerForConditionalGeneration(architecture)
    made.generation_config.update(
        eos_token_id=tokens["<|im_end|>"], pad_token_id=tokens["<|endoftext|>"], do_sample=True, temperature=1.0
    )
    initialise(made, torch.Generator().manual_seed(settings.seed))
    return made


def _text_decoder(settings: Tiny, made_tokenizer: Any, tokens: dict[str, int]) -> dict[str, Any]:
    frequencies = settings.hidden_size // ATTENTION_HEADS // 2
    time = frequencies // 2  # draws are several positions apart: time takes half of the frequencies, slow ones included
    height = (frequencies - time) // 2
    return {
        "vocab_size": -(-len(made_tokenizer) // 64) * 64,
        "hidden_size": settings.hidden_size,
        "intermediate_size": 2 * settings.hidden_size,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": ATTENTION_HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [time, height, frequencies - time - height],
        },
        "pad_token_id": tokens["<|endoftext|>"],
        "eos_token_id": tokens["<|im_end|>"],
        "layer_types": ["full_attention"] * settings.layers,
        "max_window_layers": settings.layers,
    }


def _audio_tower(settings: Tiny) -> dict[str, Any]:
    return {
        "num_mel_bins": 128,
        "d_model": settings.tower_hidden_size,
        "encoder_layers": settings.tower_layers,
        "encoder_attention_heads": ATTENTION_HEADS,
        "encoder_ffn_dim": 2 * settings.tower_hidden_size,
        "max_source_positions": 1500,
        "n_window": 100,
        "output_dim": settings.hidden_size,
    }


def _vision_tower(settings: Tiny) -> dict[str, Any]:
    return {
        "depth": settings.tower_layers,
        "hidden_size": settings.tower_hidden_size,
        "num_heads": ATTENTION_HEADS,
        "intermediate_size": 2 * settings.tower_hidden_size,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "out_hidden_size": settings.hidden_size,
        "fullatt_block_indexes": [settings.tower_layers - 1],
        "tokens_per_second": 25,  # vLLM's name of position_id_per_seconds
    }


@torch.no_grad()
def initialise(made: Any, generator: torch.Generator) -> None:
    """Draw matrices from N(0, 1/fan_in), divided by sqrt(2 layers) at the end of residual branches; vectors stay."""
    residual_ends = ("o_proj.weight", "down_proj.weight", "attn.proj.weight", "out_proj.weight", "fc2.weight")
    layers = made.config.text_config.num_hidden_layers
    for name, weight in made.named_parameters():
        if weight.ndim < 2:
            continue
        if "embed_tokens" in name or "audio_bos_eos" in name:
            weight.normal_(0, 0.5, generator=generator)
        else:
            deviation = weight[0].numel() ** -0.5
            if name.endswith(residual_ends):
                deviation *= (2 * layers) ** -0.5
            weight.normal_(0, deviation, generator=generator)


@torch.no_grad()
def calibrate_audio(made: Any, mels_NFT: list[torch.Tensor]) -> None:
    """Rescale the audio tower's two convolutions, so that over the given clips each channel has mean 0 and deviation 1.

    `mels_NFT` are log-mel spectrograms of shape (128, frames).
    """
    tower = made.model.audio_tower
    clips = [mel[None] for mel in mels_NFT]
    for convolution in (tower.conv1, tower.conv2):
        outputs = torch.cat([convolution(clip)[0] for clip in clips], dim=1)  # channels, all frames
        mean, deviation = outputs.mean(1), outputs.std(1) + 1e-3
        convolution.weight.div_(deviation[:, None, None])
        convolution.bias.sub_(mean).div_(deviation)
        clips = [torch.nn.functional.gelu(convolution(clip)) for clip in clips]
