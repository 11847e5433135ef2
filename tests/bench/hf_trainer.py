"""Optimizer steps of ours against the Trainer of transformers, on the same premises, claims, weights and adapters.

    PYTHONPATH=workflow:tests/student STUDENT_PYTHON tests/bench/hf_trainer.py --help

The Trainer is given what it takes: sequences of one claim each, all claims of a premise in one batch padded to the
longest, the towers' inputs with each, and a loss on the last position.  Both clip gradients and step AdamW.  After each
of the Trainer's steps one of ours is timed, so that pairs share the machine's state.
"""

import tempfile
import time
from typing import Any

import torch
from bench import compared, machine, parser, record, seconds
from premise_sharing import Case, divergence
from transformers import Trainer, TrainerCallback, TrainingArguments

from umui.backbone.forward import hidden_states, tower_features
from umui.backbone.packing import pack

OTHER = "transformers Trainer, one claim a sequence"


class OneClaimEach(torch.nn.Module):
    """A student as the Trainer takes it: a batch of whole sequences gives a loss."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.student, self._case = case.student, case

    def forward(self, number: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the mean divergence of the claims `number`."""
        premises = [self._case.premise] * len(number)
        batch = pack(
            premises, [[self._case.suffixes[place]] for place in number.tolist()], self._case.encoder.pad_token
        )
        with torch.no_grad():
            features = tower_features(self.student.thinker, premises)
        states_BTH = hidden_states(self.student.thinker, batch, features)
        logits_NI = self.student.head(states_BTH[batch.rows_N, batch.ends_N])
        return {"loss": divergence(self.student, logits_NI, labels).mean()}


class InTurn(TrainerCallback):  # type: ignore[misc]
    """Times the Trainer's steps, and one of ours after each."""

    def __init__(self, case: Case) -> None:
        self._case, self._start = case, 0.0
        self.pairs: list[tuple[float, float]] = []

    def on_step_begin(self, *arguments: Any, **named: Any) -> None:
        """Start the clock."""
        self._start = time.process_time()

    def on_step_end(self, *arguments: Any, **named: Any) -> None:
        """Stop it, and time a step of ours."""
        theirs = time.process_time() - self._start
        self.pairs.append((seconds(self._case.train_ours, time.process_time), theirs))


def pairs_of(case: Case, repeats: int) -> list[tuple[float, float]]:
    """Train for `repeats` steps after one that does not count."""
    count = len(case.suffixes)
    claims = [{"number": number, "labels": float(case.labels_N[number])} for number in range(count)]
    with tempfile.TemporaryDirectory() as directory:
        arguments = TrainingArguments(
            directory,
            per_device_train_batch_size=count,
            max_steps=repeats + 1,
            learning_rate=1e-4,
            use_cpu=not torch.cuda.is_available(),
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
        )
        timer = InTurn(case)
        trainer = Trainer(OneClaimEach(case), arguments, train_dataset=claims * (repeats + 1), callbacks=[timer])
        trainer.train()
    return timer.pairs[1:]


def main() -> None:
    """Measure all cases."""
    options = parser(__doc__)
    options.add_argument("--modalities", nargs="+", default=["text", "video"])
    options.add_argument("--hypotheses", nargs="+", type=int, default=[1, 8, 16])
    options.add_argument("--premise-tokens", nargs="+", type=int, default=[1000])
    arguments = options.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}, 1 thread")
    for modality in arguments.modalities:
        for tokens in arguments.premise_tokens:
            for hypotheses in arguments.hypotheses:
                case = Case(modality, tokens, hypotheses, hidden_size=128, layers=3)
                name = f"modality={modality},hypotheses={hypotheses},premise_tokens={len(case.premise.tokens_P)}"
                record(arguments.output, [compared("training", name, "s", pairs_of(case, arguments.repeats), OTHER)])


if __name__ == "__main__":
    main()
