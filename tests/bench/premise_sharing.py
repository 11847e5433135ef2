"""What it saves to read a premise once for all of its hypotheses, in training and in prediction.

    make bench        (or: PYTHONPATH=workflow:tests/student STUDENT_PYTHON tests/bench/premise_sharing.py --help)

Both ways do the same work on the same real student code and a tiny random model, one after the other, again and again:

ours    one packed sequence a premise, features of the frozen towers kept from an earlier pass, the head on the last
        token's state alone
other   one sequence a hypothesis, a micro-batch each, towers run every time, and logits over the whole vocabulary, as
        in the published recipe

Times are of single steps on this machine; a ratio is the median of the paired ratios, above 1 where ours is faster,
with the smallest and the largest of them.
"""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
import torch
from bench import compared, machine, parser, record, timed
from PIL import Image
from student_world import MEDIA, TINY, evidence_of, student_settings
from torch.nn import functional

from umui.student import tiny_architecture
from umui.student.encoding import Encoder
from umui.student.evidence import Evidence, Premise
from umui.student.model import Student
from umui.student.omni import Omni
from umui.student.packing import EncodedPremise, Suffix, pack
from umui.student.reading import Features, hidden_states, tower_features
from umui.student.targets import target_masses
from umui.tables import EVIDENCE

OTHER = "one claim a sequence, towers each time, full logits"
CLAIM = "At least {} of the next balls will be blue, whatever was drawn before."
FRAME_PX = 112  # 16 tokens a pair of frames
SOUND_TOKENS_PER_S = 25


def model_for(longest_sound_s: int) -> Omni:
    """Make a tiny model with random weights."""
    settings = TINY.model_copy(
        update={"max_audio_s": longest_sound_s, "hidden_size": 128, "layers": 3, "tower_hidden_size": 96}
    )
    words = [CLAIM.format(number) for number in range(40)] + ["user\n", "assistant\n"]
    processor = tiny_architecture.processor(settings, _media(), words)
    return Omni(tiny_architecture.thinker(settings, processor.tokenizer).eval(), processor)


def _media() -> Any:
    return MEDIA.model_copy(update={"frame_size_px": FRAME_PX})


def premise_of(modality: str, tokens: int) -> tuple[Premise, Evidence]:
    """Return a premise of about so many tokens, of random evidence."""
    random = np.random.default_rng(0)
    row = evidence_of("medium", modality, random)
    if modality == "video":
        frames = []
        for _ in range(2 * max(1, tokens // 16)):
            file = io.BytesIO()
            pixels = random.integers(0, 256, (FRAME_PX, FRAME_PX, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(file, "JPEG")
            frames.append(file.getvalue())
        row |= {"frames": frames, "frame_time_s": [number / 6.25 for number in range(len(frames))], "audio": None}
    if modality == "audio":
        file = io.BytesIO()
        samples = 0.2 * random.standard_normal(16000 * tokens // SOUND_TOKENS_PER_S)
        soundfile.write(file, samples, 16000, format="FLAC")
        row |= {"audio": file.getvalue(), "frames": [], "frame_time_s": []}
    evidence = Evidence(pa.Table.from_pylist([row], EVIDENCE.schema))
    text = " ".join(["blue"] * tokens) if modality == "text" else None
    return Premise("premise", modality, text, None if modality == "text" else "medium"), evidence


class Case:
    """One premise with its hypotheses, and both ways to train on it or to predict it."""

    def __init__(self, modality: str, tokens: int, hypotheses: int) -> None:
        self.omni = model_for(max(4, tokens // SOUND_TOKENS_PER_S + 1))
        premise, evidence = premise_of(modality, tokens)
        encoder = Encoder(self.omni, "claim-v1", _media(), evidence)
        (self.premise,) = encoder.encode([premise])
        self.suffixes = [encoder.hypothesis(premise, CLAIM.format(number)) for number in range(hypotheses)]
        self.student = Student(self.omni, student_settings(bins=100))
        self.labels_N = torch.linspace(0.1, 0.9, hypotheses)
        self.pad_token = encoder.pad_token
        with torch.no_grad():
            self.kept: list[Features] = tower_features(self.student.thinker, [self.premise])

    def train_ours(self) -> None:
        """Take the gradients of one packed sequence."""
        batch = pack([self.premise], [self.suffixes], self.pad_token)
        self.student(batch, self.kept, self.labels_N).mean().backward()

    def train_other(self) -> None:
        """Add up the gradients of one sequence a hypothesis."""
        for suffix, label in zip(self.suffixes, self.labels_N, strict=True):
            logits = self._plain_logits(self.premise, suffix)
            settings = self.student.settings
            masses = target_masses(settings.target, label[None], settings.bins, settings.sigma).float()
            losses = functional.kl_div(logits.log_softmax(-1), masses, reduction="none").sum(-1)
            (losses.mean() / len(self.suffixes)).backward()

    @torch.no_grad()
    def predict_ours(self) -> None:
        """Predict all hypotheses in one packed sequence."""
        batch = pack([self.premise], [self.suffixes], self.pad_token)
        self.student.masses(batch, tower_features(self.student.thinker, batch.premises))

    @torch.no_grad()
    def predict_other(self) -> None:
        """Predict the hypotheses one after the other."""
        for suffix in self.suffixes:
            self._plain_logits(self.premise, suffix).softmax(-1)

    def _plain_logits(self, premise: EncodedPremise, suffix: Suffix) -> torch.Tensor:
        batch = pack([premise], [[suffix]], self.pad_token)
        with torch.no_grad():
            features = tower_features(self.student.thinker, [premise])
        states_BTH = hidden_states(self.student.thinker, batch, features)
        everywhere_BTV = self.student.thinker.lm_head(states_BTH)  # as a plain forward does; not used further
        assert everywhere_BTV.shape[1] == states_BTH.shape[1]
        assert self.student.head is not None
        logits: torch.Tensor = self.student.head(states_BTH[batch.rows_N, batch.ends_N])
        return logits


def main() -> None:
    """Measure all cases, and write one CSV a benchmark."""
    options = parser(__doc__)
    options.add_argument("--modalities", nargs="+", default=["text", "audio", "video"])
    options.add_argument("--hypotheses", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    options.add_argument("--premise-tokens", nargs="+", type=int, default=[250, 1000])
    arguments = options.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}, 1 thread")
    for modality in arguments.modalities:
        for tokens in arguments.premise_tokens:
            for hypotheses in arguments.hypotheses:
                case = Case(modality, tokens, hypotheses)
                name = f"modality={modality},hypotheses={hypotheses},premise_tokens={len(case.premise.tokens_P)}"
                ways = {
                    "training": (case.train_ours, case.train_other),
                    "prediction": (case.predict_ours, case.predict_other),
                }
                rows = [
                    compared(benchmark, name, "s", timed(*both, arguments.repeats), OTHER)
                    for benchmark, both in ways.items()
                ]
                record(arguments.output, rows)


if __name__ == "__main__":
    main()
