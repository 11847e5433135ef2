"""From a premise's words and evidence to the numbers that a thinker reads.

A prompt is cut in two: the prefix, which is all up to the hypothesis, and the suffix, which is the hypothesis and the
turn to the assistant.  A premise is encoded once for all of its hypotheses, since the prefix ends in a line break and
its tokens do not depend on what follows.  Where the prompt puts the claim first, the prefix holds it: then a premise is
encoded with each hypothesis anew, as an `AskedPremise`, and the suffix is the turn to the assistant alone.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import torch

from umui.backbone.omni import Omni
from umui.backbone.packing import EncodedPremise, Suffix
from umui.config.models import Media
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.evidence.shown import HEARS, SEES, stated_rate_hz
from umui.prompts import rendering
from umui.tables import Modality

SPATIAL_FACTOR_PX = 28  # a patch is 14 pixels, and 2 x 2 patches make a token
ROUNDING = 1e-6  # of a length in seconds times a rate
LEAST_SOUND_S = 0.1  # of shorter sounds the audio tower makes no token
REMEMBERED_SUFFIXES = 1 << 16
_WORDS = "\N{SYMBOL FOR SUBSTITUTE}"  # stands for a user's words while the chat template is cut up


def video_arguments(media_settings: Media) -> dict[str, Any]:
    """Return the video processor's arguments under which the frames stay as they were extracted.

    No frame is dropped, and its side is rounded to whole tokens.  The frame rate gives the frames their true times.
    """
    side_px = _side_px(media_settings)
    return {
        "size": {"shortest_edge": SPATIAL_FACTOR_PX**2, "longest_edge": side_px**2},
        "fps": stated_rate_hz(media_settings.frame_rate_hz),
        "do_sample_frames": False,
    }


def _side_px(media_settings: Media) -> int:
    """Return a frame's side, rounded up to whole tokens."""
    return -(-media_settings.frame_size_px // SPATIAL_FACTOR_PX) * SPATIAL_FACTOR_PX


class Encoder:
    """Encodes premises and hypotheses for one model, prompt and kind of evidence.

    Raises ValueError when the evidence's sample rate is not the model's.
    """

    def __init__(self, omni: Omni, prompt: str, media_settings: Media, evidence: Evidence) -> None:
        self._processor, self._tokenizer = omni.processor, omni.processor.tokenizer
        self._thinker, self._evidence, self._prompt = omni.thinker, evidence, prompt
        self._video_arguments = {**video_arguments(media_settings), "cap_pixels_per_frame": False}
        extractor = omni.processor.feature_extractor
        self.longest_sound_s: float = extractor.chunk_length
        if extractor.sampling_rate != media_settings.sample_rate_hz:
            raise ValueError(
                f"media.sample_rate_hz: {media_settings.sample_rate_hz}, but the model hears {extractor.sampling_rate}"
            )
        self._frame = cache(self._cut_template)
        self.pad_token: int = self._tokenizer.pad_token_id
        self.end_token: int = self._tokenizer.eos_token_id
        self.suffix = lru_cache(REMEMBERED_SUFFIXES)(self._suffix)
        self.n_tokens = lru_cache(REMEMBERED_SUFFIXES)(self._n_tokens)
        self._tokens_a_frame_pair = (_side_px(media_settings) // SPATIAL_FACTOR_PX) ** 2
        self.context_tokens: int = self._thinker.config.text_config.max_position_embeddings
        self._mel_frames_per_s = media_settings.sample_rate_hz / extractor.hop_length

    @property
    def claim_first(self) -> bool:
        """Whether the prompt puts the claim before the evidence."""
        return rendering.claim_first(self._prompt)

    def can_show(self, premise: Premise) -> bool:
        """Say whether all that the premise's modality shows is there, and no longer than the model hears."""
        if premise.modality in SEES and not self._evidence.n_frames(premise.media_id):
            return False
        if premise.modality in HEARS:
            return LEAST_SOUND_S <= self.sound_s(premise) <= self.longest_sound_s
        return True

    def sound_s(self, premise: Premise) -> float:
        """Return the length of a premise's sound in seconds; 0 without sound."""
        return self._evidence.sound_s(premise.media_id)

    def evidence_digest(self, premise: Premise) -> str | None:
        """Return the digest of what is shown of a premise beside its words; None of a text."""
        return None if premise.modality == "text" else self._evidence.digest(premise.media_id)

    def encode(self, premises: Sequence[Premise], system: str | None = None) -> list[EncodedPremise]:
        """Encode premises that can be shown; `system` replaces the prompt's own system words.

        The processor treats the premises of one call together, so the last bits may depend on the company.
        """
        prefixes = [self._prefix(premise, system) for premise in premises]
        seen = [premise for premise in premises if premise.modality in SEES]
        heard = [premise for premise in premises if premise.modality in HEARS]
        arguments: dict[str, Any] = {}
        if seen:
            frames = [self._evidence.frames(str(premise.media_id)) for premise in seen]
            arguments |= {"videos": frames, "videos_kwargs": self._video_arguments}
        if heard:
            arguments["audio"] = [self._evidence.sound(str(premise.media_id)) for premise in heard]
        inputs = self._processor(text=prefixes, return_tensors="pt", padding=True, **arguments)
        return list(self._take_apart(premises, inputs))

    def hypothesis(self, premise: Premise, hypothesis: str, answer: str | None = None) -> Suffix:
        """Tokenise the prompt's words from the hypothesis on, and the answer."""
        return self.suffix(self.words(premise, hypothesis).hypothesis, answer)

    def length(self, premise: Premise, hypothesis: str, answer: str | None = None) -> int:
        """Return the tokens of a premise that can be shown, with a hypothesis and the answer to it."""
        suffix = self.hypothesis(premise, hypothesis, answer)
        return self.n_tokens(premise) + len(suffix.prompt) + len(suffix.answer)

    def too_long(self, lengths: Mapping[str, int]) -> str:
        """Return in words which of some items, by name, have more tokens than the model's context; empty if none."""
        over = {name: length for name, length in lengths.items() if length > self.context_tokens}
        if not over:
            return ""
        longest = max(over, key=lambda name: over[name])
        return (
            f"too_long: {len(over)} of {len(lengths)} items, such as {longest} with {over[longest]:,} tokens; the "
            f"model's context holds {self.context_tokens:,}"
        )

    def words(self, premise: Premise, hypothesis: str) -> rendering.Words:
        """Render the prompt."""
        if self.claim_first:
            assert isinstance(premise, AskedPremise), "with the claim first, a premise is read with its hypothesis"
            hypothesis = premise.hypothesis
        return rendering.render(self._prompt, premise.modality, premise.text, hypothesis)

    def _n_tokens(self, premise: Premise) -> int:
        """Return the length of a premise's prefix without decoding its evidence."""
        count = len(self._tokenizer(self._prefix(premise, None))["input_ids"])
        if premise.modality in SEES:  # in place of the one token that stands for them
            count += -(-self._evidence.n_frames(premise.media_id) // 2) * self._tokens_a_frame_pair - 1
        if premise.modality in HEARS:
            mel_frames = torch.tensor(math.ceil(self.sound_s(premise) * self._mel_frames_per_s - ROUNDING))
            _, tokens = self._thinker.model.audio_tower._get_feat_extract_output_lengths(mel_frames)
            count += int(tokens) - 1
        return count

    def _suffix(self, words: str, answer: str | None = None) -> Suffix:
        """Tokenise the end of a user's turn and the turn to the assistant, and the answer with its end of turn."""
        *_, after = self._frame("text", "")
        prompt = self._tokenizer(words + after)["input_ids"]
        if answer is None:
            return Suffix(prompt, [])
        return Suffix(prompt, self._tokenizer(answer)["input_ids"] + [self.end_token])

    def text(self, answer: Sequence[int]) -> str:
        """Return the words of an answer's tokens, control tokens included."""
        words: str = self._tokenizer.decode(answer)
        return words

    def _prefix(self, premise: Premise, system: str | None) -> str:
        words = self.words(premise, "")
        before, between, after = self._frame(premise.modality, words.system if system is None else system)
        prefix = before + words.claim + between + words.premise
        ids = self._tokenizer(prefix)["input_ids"]
        whole = self._tokenizer(prefix + words.hypothesis + after)["input_ids"]
        assert whole[: len(ids)] == ids, "the prefix' tokens depend on the hypothesis"
        return prefix

    def _cut_template(self, modality: Modality, system: str) -> tuple[str, str, str]:
        """Return what the chat template puts before a claim, between it and the other words, and after these."""
        words = {"type": "text", "text": _WORDS}
        content = [{"type": "video", "video": ""}] if modality in SEES else []
        content += [{"type": "audio", "audio": ""}] if modality in HEARS else []
        messages: list[dict[str, Any]] = [{"role": "user", "content": [words, *content, words]}]
        if system:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        before, between, after = text.split(_WORDS)
        return before, between, after

    def _take_apart(self, premises: Sequence[Premise], inputs: Any) -> Any:
        """Yield each premise's share of the processor's output."""
        positions_3BT = self._positions(inputs)
        grids, patches_left = iter(inputs.get("video_grid_thw", [])), inputs.get("pixel_values_videos")
        sounds = iter(zip(inputs.get("input_features", []), inputs.get("feature_attention_mask", []), strict=True))
        for row, premise in enumerate(premises):
            real_T = inputs["attention_mask"][row].bool()
            grid_3 = patches = mel_FT = None
            if premise.modality in SEES:
                grid_3 = next(grids)
                patches, patches_left = patches_left.split([int(grid_3.prod()), len(patches_left) - int(grid_3.prod())])
            if premise.modality in HEARS:
                features_FT, heard_T = next(sounds)
                mel_FT = features_FT[:, heard_T.bool()]
            yield EncodedPremise(
                premise.premise_id,
                premise.modality,
                inputs["input_ids"][row][real_T],
                positions_3BT[:, row][:, real_T],
                patches,
                grid_3,
                mel_FT,
            )

    def _positions(self, inputs: Any) -> torch.Tensor:
        mask_BT = inputs["attention_mask"]
        if "video_grid_thw" not in inputs and "input_features" not in inputs:
            return (mask_BT.cumsum(1) - 1).clamp(min=0).expand(3, -1, -1)
        heard = inputs.get("feature_attention_mask")
        positions_3BT, _ = self._thinker.model.get_rope_index(
            inputs["input_ids"],
            video_grid_thw=inputs.get("video_grid_thw"),
            attention_mask=mask_BT,
            audio_seqlens=None if heard is None else heard.sum(1),
            second_per_grids=torch.as_tensor(inputs.get("video_second_per_grid", [])),
        )
        return positions_3BT
