"""The student's training and prediction at the size of Qwen2.5-Omni-3B, on a GPU, with random weights.

    PYTHONPATH=workflow PYTHON tests/bench/gpu.py                         # needs torch, transformers and peft alone
    PYTHONPATH=workflow PYTHON tests/bench/gpu.py --device cpu --tiny     # shows that the script runs, and no more

Nothing is downloaded: the thinker has the sizes below and random weights, premises are random tokens, patches and
mel spectrograms.  The two ways are those of premise_sharing.py: ours reads a premise once, trains on kept features and
reads the last position alone; the other reads one claim a sequence, towers and all, with logits over the vocabulary.

Model FLOPs are counted as 4 N a token (LoRA: forward, and backward through the activations) and, as is common for full
training, 6 N, where N are the text decoder's parameters without embeddings; a way's own tokens count, so that repeated
premises count as work.  Peak memory is what is allocated during a step, weights included.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import peft
import torch
import transformers
from bench import Row, compared, machine, parser, record
from torch.nn import functional
from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

from umui.backbone.forward import Features, hidden_states, tower_features
from umui.backbone.packing import EncodedPremise, Suffix, pack
from umui.students.targets import target_masses

OTHER = "one claim a sequence, towers each time, full logits"
BINS, SIGMA = 100, 0.05
CLAIM_TOKENS = 24  # a hypothesis, and the turn to the assistant
PEAK_TFLOPS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0}  # dense bfloat16, of the makers' data sheets
AUDIO, AUDIO_START, AUDIO_END = 151646, 151647, 151648
VIDEO, VISION_START, VISION_END, IMAGE = 151656, 151652, 151653, 151655
FRAME_PATCHES = 16  # in height and in width: frames of 224 pixels, 64 tokens a pair
# Sizes of the published Qwen2.5-Omni-3B.  Its config.json was not at hand: the decoder's are as other public code
# quotes them from it; the towers' are those of the 7B model and of Qwen2.5-VL-3B, with outputs as wide as this decoder.
TEXT = {
    "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
    "num_attention_heads": 16, "num_key_value_heads": 2, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [16, 24, 24]},
    "tie_word_embeddings": False,
}  # fmt: skip
SOUND = {
    "num_mel_bins": 128, "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
    "max_source_positions": 1500, "n_window": 100, "output_dim": 2048,
}  # fmt: skip
VISION = {
    "depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "patch_size": 14,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112, "out_hidden_size": 2048,
    "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 25,
}  # fmt: skip
TINY_TEXT = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
}  # fmt: skip
TINY_SOUND = {"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "output_dim": 64}
TINY_VISION = {
    "depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64, "out_hidden_size": 64,
    "fullatt_block_indexes": [0],
}  # fmt: skip


class Student(torch.nn.Module):
    """A thinker with adapters on its text decoder, and a head of one row a bin."""

    def __init__(self, tiny: bool, dtype: torch.dtype) -> None:
        super().__init__()
        text, sound, vision = (
            settings | (small if tiny else {})
            for settings, small in ((TEXT, TINY_TEXT), (SOUND, TINY_SOUND), (VISION, TINY_VISION))
        )
        layers = {"layer_types": ["full_attention"] * text["num_hidden_layers"]}
        architecture = Qwen2_5OmniThinkerConfig(
            text_config=text | layers, audio_config=sound, vision_config=vision, audio_token_index=AUDIO,
            image_token_index=IMAGE, video_token_index=VIDEO, audio_start_token_id=AUDIO_START,
            audio_end_token_id=AUDIO_END, vision_start_token_id=VISION_START, vision_end_token_id=VISION_END,
            position_id_per_seconds=25, seconds_per_chunk=2,
        )  # fmt: skip
        torch.set_default_dtype(dtype)
        thinker = Qwen2_5OmniThinkerForConditionalGeneration(architecture).eval()
        head = torch.nn.Linear(text["hidden_size"], BINS, bias=False)
        torch.set_default_dtype(torch.float32)
        adapters = peft.LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0,
            target_modules=r".*language_model\.layers\.\d+\.(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj",
        )  # fmt: skip
        self.adapted = peft.get_peft_model(thinker, adapters, autocast_adapter_dtype=False)
        self.head = head

    @property
    def thinker(self) -> Any:
        """The thinker inside."""
        return self.adapted.get_base_model()

    def decoder_parameters(self) -> int:
        """Return N: the text decoder's parameters without embeddings and adapters."""
        layers = self.thinker.model.language_model.layers
        return sum(weight.numel() for name, weight in layers.named_parameters() if "lora" not in name)


@dataclass(frozen=True)
class Case:
    """A premise with its claims, both ways to train on it and to predict it, and what each counts."""

    student: Student
    optimizer: torch.optim.Optimizer
    premise: EncodedPremise
    kept: list[Features]
    suffixes: list[Suffix]

    def train_ours(self) -> None:
        """Take an optimizer step on one batch."""
        self._backward(self._logits(self.suffixes, self.kept, everywhere=False), 0)
        self._step()

    def train_other(self) -> None:
        """Take an optimizer step on one sequence a claim."""
        for number, suffix in enumerate(self.suffixes):
            self._backward(self._logits([suffix], self._features(), everywhere=True), number)
        self._step()

    @torch.no_grad()
    def predict_ours(self) -> None:
        """Predict all claims in one batch."""
        self._logits(self.suffixes, self._features(), everywhere=False).softmax(-1)

    @torch.no_grad()
    def predict_other(self) -> None:
        """Predict one claim after the other."""
        for suffix in self.suffixes:
            self._logits([suffix], self._features(), everywhere=True).softmax(-1)

    def _features(self) -> list[Features]:
        with torch.no_grad():
            return tower_features(self.student.thinker, [self.premise])

    def _logits(self, suffixes: list[Suffix], features: list[Features], everywhere: bool) -> torch.Tensor:
        batch = pack([self.premise], [suffixes], pad_token=0).to(self.student.head.weight.device)
        states_BTH = hidden_states(self.student.thinker, batch, features)
        if everywhere:
            self.student.thinker.lm_head(states_BTH).float()  # as a plain forward with a loss does; not used further
        logits: torch.Tensor = self.student.head(states_BTH[batch.rows_N, batch.ends_N])
        return logits

    def _backward(self, logits_NI: torch.Tensor, first: int) -> None:
        labels_N = torch.linspace(0.1, 0.9, len(self.suffixes), device=logits_NI.device)[first : first + len(logits_NI)]
        masses_NI = target_masses("gaussian", labels_N, BINS, SIGMA).float()
        losses_NI = functional.kl_div(logits_NI.float().log_softmax(-1), masses_NI, reduction="none")
        (losses_NI.sum() / len(self.suffixes)).backward()

    def _step(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()


def premise_of(thinker: Any, modality: str, tokens: int) -> EncodedPremise:
    """Return a random premise of about so many tokens."""
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(0, 151000, (tokens if modality == "text" else 16,), generator=generator)
    ids, patches, grid_3, mel_FT = words, None, None, None
    if modality == "video":
        a_pair = FRAME_PATCHES**2 // 4
        pairs = max(1, tokens // a_pair)
        grid_3 = torch.tensor([pairs, FRAME_PATCHES, FRAME_PATCHES])
        patches = torch.randn(int(grid_3.prod()), 3 * 2 * 14 * 14, generator=generator)
        seen = torch.full((pairs * a_pair,), VIDEO)
        ids = torch.cat([torch.tensor([VISION_START]), seen, torch.tensor([VISION_END]), words])
    if modality == "audio":
        mel_FT = torch.randn(128, 4 * tokens, generator=generator)
        _, heard = thinker.model.audio_tower._get_feat_extract_output_lengths(torch.tensor([mel_FT.shape[1]]))
        ids = torch.cat(
            [torch.tensor([AUDIO_START]), torch.full((int(heard),), AUDIO), torch.tensor([AUDIO_END]), words]
        )
    positions_3P = torch.arange(len(ids)).expand(3, -1)
    if modality != "text":
        found, _ = thinker.model.get_rope_index(
            ids[None],
            video_grid_thw=None if grid_3 is None else grid_3[None],
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            audio_seqlens=None if mel_FT is None else torch.tensor([mel_FT.shape[1]]),
            second_per_grids=torch.tensor([1.0]),
        )
        positions_3P = found[:, 0].cpu()
    return EncodedPremise("premise", modality, ids, positions_3P, patches, grid_3, mel_FT)  # type: ignore[arg-type]


def case_of(student: Student, modality: str, tokens: int, hypotheses: int) -> Case:
    """Return a case of random words."""
    premise = premise_of(student.thinker, modality, tokens)
    generator = torch.Generator().manual_seed(1)
    claims = torch.randint(0, 151000, (hypotheses, CLAIM_TOKENS), generator=generator).tolist()
    trained = [weight for weight in student.parameters() if weight.requires_grad]
    with torch.no_grad():
        kept = tower_features(student.thinker, [premise])
    return Case(student, torch.optim.AdamW(trained, 1e-4), premise, kept, [Suffix(claim, []) for claim in claims])


def measured(way: Callable[[], None], device: torch.device) -> tuple[float, float]:
    """Return the seconds and the peak GiB of a call; the device's work is waited for.  On a CPU the peak is 0."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize()
    passed_s = time.perf_counter() - start
    return passed_s, torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0


def rows_of(case: Case, name: str, device: torch.device, repeats: int, peak_tflops: float | None) -> list[Row]:
    """Compare both ways on a case, in seconds, claims and tokens a second, model FLOP utilisation, and memory."""
    claims, premise_tokens = len(case.suffixes), len(case.premise.tokens_P)
    tokens = premise_tokens + claims * CLAIM_TOKENS, claims * (premise_tokens + CLAIM_TOKENS)
    rows = []
    for work, both in (
        ("training", (case.train_ours, case.train_other)),
        ("prediction", (case.predict_ours, case.predict_other)),
    ):
        pairs = [tuple(measured(way, device) for way in both) for _ in range(repeats + 1)][1:]
        times = [(ours[0], other[0]) for ours, other in pairs]
        where = f"work={work},{name}"
        rows.append(compared("gpu", where, "s", times, OTHER))
        rows.append(compared("gpu", where, "claims/s", [(claims / a, claims / b) for a, b in times], OTHER, "higher"))
        speeds = [(tokens[0] / a, tokens[1] / b) for a, b in times]
        rows.append(compared("gpu", where, "tokens/s", speeds, OTHER, "higher"))
        if work == "training" and peak_tflops is not None:
            n = case.student.decoder_parameters()
            for factor in (4, 6):
                shares = [tuple(factor * n * speed / (peak_tflops * 1e12) for speed in pair) for pair in speeds]
                rows.append(compared("gpu", where, f"model FLOP share ({factor}N)", shares, OTHER, "higher"))  # type: ignore[arg-type]
        if device.type == "cuda":
            rows.append(compared("gpu", where, "peak GiB", [(ours[1], other[1]) for ours, other in pairs], OTHER))
    return rows


def main() -> None:
    """Measure all cases, or say what is missing."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options.add_argument("--tiny", action="store_true", help="a tiny model, to try the script out")
    options.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    options.add_argument("--modalities", nargs="+", default=["text", "audio", "video"])
    options.add_argument("--hypotheses", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    options.add_argument("--premise-tokens", nargs="+", type=int, default=[250, 1000, 4000])
    options.add_argument("--peak-tflops", type=float, default=None, help="of the device; known ones need none")
    arguments = options.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: torch finds no CUDA device, so nothing was measured; --device cpu --tiny only tries it out")
    device = torch.device(arguments.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    known = [tflops for part, tflops in PEAK_TFLOPS.items() if part in name]
    peak_tflops = arguments.peak_tflops or (known[0] if known else None)
    with device:
        student = Student(arguments.tiny, getattr(torch, arguments.dtype)).to(device)
    print(
        f"{name}, {machine()}, torch {torch.__version__}, transformers {transformers.__version__}, "
        f"peft {peft.__version__}, {arguments.dtype}, decoder of {student.decoder_parameters() / 1e9:.2f} G parameters"
    )
    for modality in arguments.modalities:
        for tokens in arguments.premise_tokens:
            for hypotheses in arguments.hypotheses:
                case = case_of(student, modality, tokens, hypotheses)
                size = "tiny" if arguments.tiny else "3B"
                where = f"modality={modality},hypotheses={hypotheses},premise_tokens={len(case.premise.tokens_P)}"
                rows = rows_of(case, f"{where},model={size}", device, arguments.repeats, peak_tflops)
                record(arguments.output, rows)


if __name__ == "__main__":
    main()
