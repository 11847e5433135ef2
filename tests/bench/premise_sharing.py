"""What it saves to read a premise once for all of its hypotheses: optimizer steps, predictions, peak memory.

    make bench        (or: PYTHONPATH=workflow:tests/student STUDENT_PYTHON tests/bench/premise_sharing.py --help)

Both ways do the same work on the same real student code and a tiny random model, in turn:

ours    a premise read once, features of the frozen towers kept from an earlier pass where training comes back to them,
        the head on the last token's state alone
other   one sequence a hypothesis, towers run every time, and logits over the whole vocabulary, as in the published
        recipe: its micro-batches are one claim each, and a step accumulates them

A time is that of an optimizer step, or of the predictions on one premise, with its claims a second beside it, in
seconds of the process, which is one thread.  With --memory, also the most that tensors hold at once beyond what is
there before, from the profiler's record of every allocation.
"""

import time

import torch
from bench import Row, compared, machine, parser, record, timed
from premise_cases import CLAIM, encoder_for, model_for
from student_world import student_settings
from torch.nn import functional

from umui.backbone.encoding import Encoder
from umui.backbone.forward import Features, hidden_states, tower_features
from umui.backbone.packing import EncodedPremise, Suffix, pack
from umui.students.student import Student
from umui.students.targets import target_masses

OTHER = "one claim a sequence, towers each time, full logits"
MIB = 2**20


class Case:
    """One premise with its hypotheses, and both ways to train on it or to predict it."""

    def __init__(self, modality: str, tokens: int, hypotheses: int, hidden_size: int, layers: int) -> None:
        omni = model_for(tokens, hidden_size, layers)
        self.encoder, (premise,) = encoder_for(omni, modality, tokens)
        (self.premise,) = self.encoder.encode([premise])
        self.suffixes = [self.encoder.hypothesis(premise, CLAIM.format(number)) for number in range(hypotheses)]
        self.student = Student(omni, student_settings(bins=100))
        self.labels_N = torch.linspace(0.1, 0.9, hypotheses)
        self.trained = [weight for weight in self.student.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, 1e-4)
        with torch.no_grad():
            self.kept: list[Features] = tower_features(self.student.thinker, [self.premise])

    def train_ours(self) -> None:
        """Take an optimizer step on one batch."""
        batch = pack([self.premise], [self.suffixes], self.encoder.pad_token)
        self.student(batch, self.kept, self.labels_N).mean().backward()
        self._step()

    def train_other(self) -> None:
        """Take an optimizer step on one sequence a hypothesis."""
        for suffix, label in zip(self.suffixes, self.labels_N, strict=True):
            logits = plain_logits(self.student, self.encoder, self.premise, suffix)
            (divergence(self.student, logits, label[None]).mean() / len(self.suffixes)).backward()
        self._step()

    def _step(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def predict_ours(self) -> None:
        """Predict all hypotheses in one batch."""
        batch = pack([self.premise], [self.suffixes], self.encoder.pad_token)
        self.student.head.masses(self.student.thinker, batch, tower_features(self.student.thinker, batch.premises))

    @torch.no_grad()
    def predict_other(self) -> None:
        """Predict the hypotheses one after the other."""
        for suffix in self.suffixes:
            plain_logits(self.student, self.encoder, self.premise, suffix).softmax(-1)


def plain_logits(student: Student, encoder: Encoder, premise: EncodedPremise, suffix: Suffix) -> torch.Tensor:
    """Return the bins' logits of one claim alone, at the cost of the published recipe."""
    batch = pack([premise], [[suffix]], encoder.pad_token)
    with torch.no_grad():
        features = tower_features(student.thinker, [premise])
    states_BTH = hidden_states(student.thinker, batch, features)
    everywhere_BTV = student.thinker.lm_head(states_BTH)  # as a plain forward does; not used further
    assert everywhere_BTV.shape[1] == states_BTH.shape[1]
    logits: torch.Tensor = student.head(states_BTH[batch.rows_N, batch.ends_N])
    return logits


def divergence(student: Student, logits_NI: torch.Tensor, labels_N: torch.Tensor) -> torch.Tensor:
    """Return the divergence of each item from its target."""
    settings = student.settings
    masses_NI = target_masses(settings.target, labels_N, settings.bins, settings.sigma).float()
    return functional.kl_div(logits_NI.log_softmax(-1), masses_NI, reduction="none").sum(-1)


def peak_mib(way: object) -> float:
    """Return the most memory that tensors hold at once during a call, beyond what they held before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiled:
        way()  # type: ignore[operator]
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in profiled.profiler.kineto_results.events()
        if event.name() == "[memory]"
    )
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    return most / MIB


def rows_of(case: Case, modality: str, repeats: int, memory: bool) -> list[Row]:
    """Compare both ways on a case."""
    tokens, hypotheses = len(case.premise.tokens_P), len(case.suffixes)
    name = f"modality={modality},hypotheses={hypotheses},premise_tokens={tokens}"
    ways = {"training": (case.train_ours, case.train_other), "prediction": (case.predict_ours, case.predict_other)}
    rows = []
    for benchmark, (ours, other) in ways.items():
        pairs = list(timed(ours, other, repeats, time.process_time))
        rows.append(compared(benchmark, name, "s", pairs, OTHER))
        if benchmark == "prediction":
            speeds = [(hypotheses / ours_s, hypotheses / other_s) for ours_s, other_s in pairs]
            rows.append(compared(benchmark, name, "claims/s", speeds, OTHER, better="higher"))
        if memory:
            rows.append(compared(benchmark, name, "peak MiB", [(peak_mib(ours), peak_mib(other))], OTHER))
    return rows


def main() -> None:
    """Measure all cases."""
    options = parser(__doc__)
    options.add_argument("--modalities", nargs="+", default=["text", "audio", "video"])
    options.add_argument("--hypotheses", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    options.add_argument("--premise-tokens", nargs="+", type=int, default=[250, 1000])
    options.add_argument("--hidden-size", type=int, default=128)
    options.add_argument("--layers", type=int, default=3)
    options.add_argument("--memory", action="store_true", help="measure peak memory too, which takes long")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, torch {torch.__version__}, 1 thread")
    for modality in arguments.modalities:
        for tokens in arguments.premise_tokens:
            for hypotheses in arguments.hypotheses:
                case = Case(modality, tokens, hypotheses, arguments.hidden_size, arguments.layers)
                record(arguments.output, rows_of(case, modality, arguments.repeats, arguments.memory))


if __name__ == "__main__":
    main()
