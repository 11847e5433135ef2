"""Train a student with DeepSpeed; a killed training goes on at its last checkpoint as if it had never stopped."""

import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import deepspeed
import torch
from torch.utils.tensorboard import SummaryWriter

from umui.arguments import Base, EvidenceTables, Features, FeaturesMb, Items, Option, Revision, Workers
from umui.backbone import omni
from umui.backbone.encoding import Encoder
from umui.backbone.packing import Batch, Suffix, pack
from umui.backbone.premise_reader import PremiseReader, Prepared, shelf
from umui.config.models import Media
from umui.config.students import Student as StudentSettings
from umui.config.students import Training
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.files.digests import digest_json
from umui.processes.progress import reported
from umui.processes.signals import AGAIN, StopRequest, noting_sigterm
from umui.students import directory as student_directory
from umui.students import distributed as processes
from umui.students import training_items
from umui.students.checkpoints import Checkpoints
from umui.students.distributed import Place
from umui.students.lookahead import Lookahead
from umui.students.sampling import Sampler, Step, Unit
from umui.students.student import DTYPES, Student, stream
from umui.students.training_items import TrainingItems

BETAS = (0.9, 0.98)
NEVER = 2**31 - 1  # DeepSpeed prints each so many steps; the progress is ours to tell


def train(
    settings: StudentSettings,
    media_settings: Media,
    base: Base,
    revision: Revision,
    items: Items,
    evidence: EvidenceTables,
    labels: Annotated[
        Mapping[str, Sequence[Path]], "the labels tables of a data set's items", Option(may_be_empty=True)
    ],
    checkpoints: Annotated[Path, "directory of checkpoints, kept between runs"],
    output: Annotated[Path, "the student's directory, written"],
    workers: Workers = 1,
    features: Features = None,
    features_mb: FeaturesMb = 0,
) -> None:
    """Train a student; each of its ranks runs this.

    `checkpoints` is kept between runs, and so is `features`, which other trainings and predictions use too
    (premise_reader.py).  At SIGTERM the step under way is finished and kept, and the exit code is
    `umui.processes.signals.AGAIN`.
    The same inputs, settings, ranks and number of threads (`workers`) give the same bytes on a CPU.
    """
    torch.set_num_threads(workers)
    place = processes.join(settings.training.ranks)
    directory = place.from_first(lambda: omni.resolve(base, revision))
    base_digest = place.from_first(lambda: omni.digest(directory))
    model = omni.load(directory, DTYPES[settings.training.dtype])
    copy = checkpoints / "evidence.arrow"
    place.from_first(lambda: Evidence.copy(evidence, copy))
    shown = Evidence.mapped(copy)
    encoder = Encoder(model, settings.prompt, media_settings, shown)
    model.thinker.to(place.device)
    student = Student(model, settings)
    data = training_items.read(settings, items, labels, encoder, student.head.words)
    digests = {"base": base_digest, "data": data.digest(shown)}
    identity = [digests, settings.model_dump(mode="json"), media_settings.model_dump(mode="json"), workers]
    kept = Checkpoints(checkpoints, digest_json(identity))
    with (
        shelf(features, features_mb, base_digest, media_settings, model.thinker) as kept_features,
        noting_sigterm() as stop,
    ):
        reader = PremiseReader(encoder, model.thinker, kept_features)
        loop = TrainingLoop(settings, place, student, reader, encoder, data, kept)
        if place.rank == 0:
            print(f"training on {data.n_premises} premises: {data.counts}", flush=True)
        loop.run(stop)
    if place.rank == 0:
        origin = {"base": base, "revision": revision, "base_digest": base_digest}
        run = {
            "premises": data.n_premises,
            "steps": loop.n_steps,
            "counts": data.counts,
            "data_digest": digests["data"],
        }
        student_directory.write(output, loop.student, model, settings, media_settings, origin, run, kept.logged())


@dataclass(frozen=True)
class Micro:
    """What one rank reads in one micro-batch."""

    plan: Step
    batch: Batch
    prepared: list[Prepared]
    labels_N: torch.Tensor


class TrainingLoop:
    """The optimizer steps of one rank."""

    def __init__(
        self,
        settings: StudentSettings,
        place: Place,
        student: Student,
        reader: PremiseReader,
        encoder: Encoder,
        data: TrainingItems,
        checkpoints: Checkpoints,
    ) -> None:
        self.student = student
        self._training, self._place = settings.training, place
        self._reader, self._encoder, self._data, self._checkpoints = reader, encoder, data, checkpoints
        self._sampler = Sampler(settings.training, data.modalities(), data.n_hypotheses(), self._width)
        self.n_steps = self._sampler.n_steps()
        self._engine = _engine(settings.training, student)

    def run(self, stop: StopRequest) -> None:
        """Take the steps that are left, keeping checkpoints and the journal; when asked to stop, leave with AGAIN."""
        first = self._resume()
        board = None
        if self._place.rank == 0:
            board = SummaryWriter(str(self._checkpoints.directory / "tensorboard"), purge_step=first + 1)
        steps = range(first, self.n_steps)
        start = time.perf_counter()
        ahead = Lookahead(
            partial(self._micro, number, micro) for number in steps for micro in range(self._training.accumulation)
        )
        micros = iter(ahead)
        rows = (self._step(number, micros) for number in steps)
        told = reported(rows, len(steps), "steps", _tell) if self._place.rank == 0 else rows
        ends = False
        for row in told:
            if board is not None:
                self._checkpoints.log(row)
                for name in ("loss", "gradient_norm", "learning_rate"):
                    board.add_scalar(f"{name}/{row['modality']}", row[name], row["step"])
            ends = any(self._place.sum(stop.made)) and row["step"] < self.n_steps  # all ranks, after the same step
            if ends or row["step"] % self._training.checkpoint_every == 0 or row["step"] == self.n_steps:
                self._save(row["step"])
            if ends:
                break
        if board is not None:
            board.close()
            passed_s = time.perf_counter() - start
            print(f"waited for data {ahead.waited_s / passed_s:.1%} of {passed_s:.0f} s", flush=True)
        if ends:
            if self._place.rank == 0:
                print("told to end; a checkpoint is kept, and another run goes on from it", flush=True)
            raise SystemExit(AGAIN)

    def _step(self, number: int, micros: Iterator[Micro]) -> dict[str, Any]:
        """Take one optimizer step; return its row of the training log."""
        rate = learning_rate(self._training, number, self.n_steps)
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        loss_sum = torch.zeros((), dtype=torch.float64, device=self._place.device)
        tokens = positions = 0
        for micro_number in range(self._training.accumulation):
            micro = next(micros)
            batch, features = micro.batch.to(self._place.device), self._reader.finish(micro.prepared)
            purpose = "dropout", number, micro_number, self._place.rank
            with stream(self._training.seed, *purpose, device=self._place.device):
                losses_N = self._engine(batch, features, micro.labels_N.to(self._place.device))
            # The engine averages over micro-batches and ranks; this makes it the mean over the step's items.
            share = self._training.accumulation * self._place.ranks / micro.plan.n_items
            self._engine.backward(losses_N.sum() * share)
            self._engine.step()
            loss_sum += losses_N.detach().double().sum()  # read when the step ends, so that the device need not stop
            tokens += batch.n_tokens
            positions += batch.segments_BT.numel()
        loss, all_tokens, all_positions = self._place.sum(float(loss_sum), tokens, positions)
        gradient_norm = float(self._engine.get_global_grad_norm())
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            raise ValueError(
                f"training: step {number + 1}: the loss is {loss / micro.plan.n_items} and the gradient's norm "
                f"{gradient_norm}, which teaches nothing; lower training.learning_rate, or see whether the base's "
                "weights are damaged.  The checkpoint before is kept"
            )
        return {
            "step": number + 1,
            "modality": micro.plan.modality,
            "loss": loss / micro.plan.n_items,
            "gradient_norm": gradient_norm,
            "learning_rate": rate,
            "n_tokens": int(all_tokens),
            "padding_share": 1 - all_tokens / all_positions,
        }

    def _micro(self, step: int, number: int) -> Micro:
        """Prepare micro-batch `number` of a step, as far as the device is not needed for it."""
        plan = self._sampler.step(step)
        together = [pair for unit in plan.batches[number][self._place.rank] for pair in self._read_together(unit)]
        prepared = self._reader.prepare([premise for premise, _ in together])
        suffixes = [[self._suffix(premise, *asked) for asked in group] for premise, group in together]
        batch = pack([piece.encoded for piece in prepared], suffixes, self._encoder.pad_token)
        return Micro(plan, batch, prepared, torch.tensor([label for _, group in together for _, label in group]))

    def _width(self, unit: Unit) -> int:
        """Return the tokens of a unit's row, or of all of its rows where the prompt puts the claim first."""
        together = list(self._read_together(unit))
        suffixes = [self._suffix(premise, *asked) for premise, group in together for asked in group]
        words = sum(len(suffix.prompt) + len(suffix.answer) for suffix in suffixes)
        return words + sum(self._encoder.n_tokens(premise) for premise, _ in together)

    def _read_together(self, unit: Unit) -> Iterator[tuple[Premise, list[tuple[str, float]]]]:
        """Yield a premise with its hypotheses and labels; with each alone where the prompt puts the claim first."""
        premise = self._data.premise(unit.premise)
        asked = [self._data.hypothesis(unit.premise, number) for number in unit.hypotheses]
        if self._encoder.claim_first:
            yield from ((AskedPremise.of(premise, hypothesis), [(hypothesis, label)]) for hypothesis, label in asked)
        else:
            yield premise, asked

    def _suffix(self, premise: Premise, hypothesis: str, label: float) -> Suffix:
        return self._encoder.hypothesis(premise, hypothesis, self.student.head.words(label))

    def _resume(self) -> int:
        """Load the latest whole checkpoint; return the number of steps already taken."""
        kept, first_rank = self._checkpoints, self._place.rank == 0
        if first_rank:
            kept.prepare()
        step = self._place.from_first(partial(kept.latest, self.n_steps))
        if step:
            self._engine.load_checkpoint(str(kept.directory), tag=kept.name(step), load_module_strict=False)
            if self._engine.global_steps != step:  # its note, of an earlier version, does not tell
                aside = self._place.from_first(partial(kept.reject, step))
                raise ValueError(
                    f"{kept.directory / kept.name(step)}: holds step {self._engine.global_steps}; set aside as "
                    f"{aside}; run again: it goes on from the checkpoint before"
                )
            if first_rank:
                print(f"resumed after step {step} of {self.n_steps}", flush=True)
        if first_rank:
            kept.cut_back(step)
        return step

    def _save(self, step: int) -> None:
        kept = self._checkpoints
        try:
            self._engine.save_checkpoint(
                str(kept.directory), tag=kept.name(step), save_latest=False, exclude_frozen_parameters=True
            )
        except RuntimeError as error:  # all that PyTorch says of a full disk is a position in the file
            free_mb = shutil.disk_usage(kept.directory).free / 1e6
            raise ValueError(
                f"{kept.directory / kept.name(step)}: the checkpoint could not be written ({error}), with "
                f"{free_mb:.1f} MB free on the disk; free space and run again: it goes on from the checkpoint before"
            ) from error
        torch.distributed.barrier()
        if self._place.rank == 0:
            kept.complete(step)


def learning_rate(settings: Training, step: int, steps: int) -> float:
    """Return the rate of step `step`, counted from 0, of `steps`: a linear warm-up, then constant or a cosine to 0."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def _engine(settings: Training, student: Student) -> Any:
    trained = [weight for weight in student.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, settings.learning_rate, betas=BETAS, weight_decay=settings.weight_decay)
    engine, _, _, _ = deepspeed.initialize(
        model=student,
        model_parameters=trained,
        optimizer=optimizer,
        config={
            "train_micro_batch_size_per_gpu": settings.premises_per_batch,
            "gradient_accumulation_steps": settings.accumulation,
            "gradient_clipping": settings.gradient_clip,
            "bf16": {"enabled": settings.dtype == "bfloat16"},
            "zero_optimization": {"stage": settings.zero_stage},
            "steps_per_print": NEVER,
        },
    )
    engine.train()
    return engine


def _tell(row: dict[str, Any]) -> str:
    return f"{row['modality']} loss {row['loss']:.4f}"
