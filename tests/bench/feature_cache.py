"""What it saves to keep the frozen towers' features on disk: epochs 2 to 15 of a training, with and without.

    PYTHONPATH=workflow:tests/student STUDENT_PYTHON tests/bench/feature_cache.py --help

An epoch reads every premise once, from its stored JPEG and FLAC on, and takes an optimizer step on each with eight
claims.  With the cache, epoch 1 fills it, in a directory that begins empty; the later epochs map it into memory.
Without, nothing is kept between epochs.  The first epoch's ratio says what filling costs, and `seconds of reading`
leaves the steps out.
"""

import tempfile
from pathlib import Path

import torch
from bench import compared, machine, parser, record, seconds
from premise_cases import CLAIM, PICTURES, encoder_for, model_for
from student_world import student_settings

from umui.backbone.packing import pack
from umui.backbone.premise_reader import PremiseReader, shelf
from umui.students.student import Student

OTHER = "towers run in every epoch"
CLAIMS = 8


class Training:
    """A student on some premises of one modality."""

    def __init__(self, modality: str, tokens: int, premises: int) -> None:
        omni = model_for(tokens)
        self.encoder, self.premises = encoder_for(omni, modality, tokens, premises)
        self.student = Student(omni, student_settings(bins=100))
        trained = [weight for weight in self.student.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, 1e-4)

    def read(self, reader: PremiseReader) -> None:
        """Read all premises."""
        for premise in self.premises:
            reader.read([premise])

    def epoch(self, reader: PremiseReader) -> None:
        """Take a step on each premise."""
        for premise in self.premises:
            encoded, features = reader.read([premise])
            suffixes = [self.encoder.hypothesis(premise, CLAIM.format(number)) for number in range(CLAIMS)]
            batch = pack(encoded, [suffixes], self.encoder.pad_token)
            self.student(batch, features, torch.linspace(0.1, 0.9, CLAIMS)).mean().backward()
            self.optimizer.step()
            self.optimizer.zero_grad()


def main() -> None:
    """Measure epochs and readings."""
    options = parser(__doc__)
    options.add_argument("--modalities", nargs="+", default=["audio", "video"])
    options.add_argument("--premise-tokens", nargs="+", type=int, default=[250, 1000])
    options.add_argument("--premises", type=int, default=4)
    options.add_argument("--epochs", type=int, default=15)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}, 1 thread")
    for modality in arguments.modalities:
        for tokens in arguments.premise_tokens:
            training = Training(modality, tokens, arguments.premises)
            thinker = training.student.thinker
            case = f"modality={modality},premise_tokens={tokens},epochs="
            with (
                tempfile.TemporaryDirectory() as directory,
                shelf(Path(directory), 1000, "", PICTURES, thinker) as kept,
            ):
                caching = PremiseReader(training.encoder, thinker, kept)
                plain = PremiseReader(training.encoder, thinker, memory_bytes=0)
                training.epoch(PremiseReader(training.encoder, thinker, memory_bytes=0))  # warms up
                pairs = [
                    (seconds(lambda: training.epoch(caching)), seconds(lambda: training.epoch(plain)))  # noqa: B023
                    for _ in range(arguments.epochs)
                ]
                readings = [
                    (seconds(lambda: training.read(caching)), seconds(lambda: training.read(plain)))  # noqa: B023
                    for _ in range(arguments.repeats)
                ]
            later = f"{case}2..{arguments.epochs}"
            rows = [
                compared("feature_cache", f"{case}1", "s an epoch", pairs[:1], OTHER),
                compared("feature_cache", later, "s an epoch", pairs[1:], OTHER),
                compared("feature_cache", later, "s of reading an epoch", readings, OTHER),
            ]
            record(arguments.output, rows)


if __name__ == "__main__":
    main()
