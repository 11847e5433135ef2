"""Say before a run which jobs will run, why, and what they cost.

Snakemake says which and why.  Votes are the planned ones that no journal has; where a question is not known yet, since
the run itself makes its evidence or model, all votes of the job are counted, as a bound.  Hours are measured ones where
an earlier run left them (the rate of the last answers, the seconds of a training's step, the seconds of the same job),
else those that follow from the rates in the configuration's section `costs`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import pandas as pd
import pyarrow.parquet as pq

from umui.arguments import Option
from umui.asking.journal import journal_file, kept_digests
from umui.asking.planning import ITEM_COLUMNS, plan, rows_of_shard
from umui.config.judges import Judge
from umui.config.loading import judge_of_parts, load
from umui.config.models import Media
from umui.config.run import Config
from umui.config.students import Student
from umui.evidence.shelf import EvidenceShelf
from umui.files.parquet import read_table
from umui.plan.cost import forecast
from umui.plan.dry_run import Job, dry_run
from umui.plan.reasons import files_concerned, followed, reasons, said_of, some
from umui.tables import ITEMS, TIMINGS

ASKING, TRAINING = "ask", "train_student"
"""The rules whose jobs cost votes, or steps."""

READ_AT_MOST_BYTES = 2_000_000_000
"""Of evidence and model files, to know the digests of a job's requests; above it the job's votes are bounded."""
PAUSE_S = 60
"""Answers further apart than this came in different runs."""
COLUMNS = ("rule", "jobs", "votes", "steps", "hours", "why")


@dataclass(frozen=True)
class Cost:
    """What a job costs; None is what does not apply or is not known.  `bound`: there are at most so many votes."""

    votes: int | None = None
    bound: bool = False
    steps: int | None = None
    hours: float | None = None


def explain(
    targets: Annotated[Sequence[str], "files or rules", Option(name="targets", may_be_empty=True)] = ("all",),
    configfiles: Annotated[Sequence[Path], "overlays of the run, as for snakemake --configfile"] = (),
) -> None:
    """Say before a run which jobs will run, why, and what they cost.

    It runs and changes nothing.  A line is of the jobs of a rule that have the same reason: a key of the configuration
    with its old and new value, other code, files that are missing or changed, or the rules whose new files they follow.
    Votes are those that no journal has (≤: at most; ?: the run makes the items first).  Steps are the optimizer's.
    Hours are those of one job after another.

    Raises ValueError with the fault and its remedy when the run cannot be planned.
    """
    run = dry_run(targets, configfiles)
    if not run.jobs:
        print("nothing to do: all is there, made with this configuration and this code")
        return
    planned = Planned(load(run.config), run.jobs)
    costs = [planned.cost(job) for job in run.jobs]
    print(_as_text(list(_lines(run.jobs, costs))))
    if unknown := sorted({job.rule for job, cost in zip(run.jobs, costs, strict=True) if cost.hours is None}):
        print(f"\nHours are of one job after another; nothing is known of {', '.join(unknown)}.")


@dataclass(frozen=True)
class Asked:
    """What a labelling job asks, from its parameters and input files."""

    settings: Judge
    model: str
    revision: str | None
    media: Media
    items: list[Path]
    chosen: list[int]
    shards: int
    evidence: list[Path]
    journal: Path
    timings: Path

    @classmethod
    def by(cls, job: Job) -> Self:
        """Read a job of the rule `ask`."""
        parts = (json.loads(job.value(name)) for name in ("settings", "circumstances"))
        where = job.value("model")
        model, *pinned = where.split() if isinstance(where, str) else where
        return cls(
            settings=judge_of_parts(*parts),
            model=model,
            revision=pinned[-1] if pinned else None,  # after --revision
            media=Media.model_validate_json(job.value("media")),
            items=_paths(job.input["item_tables"]),
            chosen=job.value("chosen"),
            shards=job.value("shards"),
            evidence=_paths(job.input["evidence"]),
            journal=Path(job.value("journal")),
            timings=Path(job.output["timings"][0]).parent,
        )


class Planned:
    """All planned jobs, and so which files a job finds as they are now."""

    def __init__(self, settings: Config, jobs: Iterable[Job]) -> None:
        """`settings` are those of the planned run."""
        self._settings = settings
        self._made_by = {file: job.rule for job in jobs for file in job.outputs}
        self._forecast: dict[tuple[str, str], dict[str, Any]] = {}

    def cost(self, job: Job) -> Cost:
        """Return what a job would cost."""
        if job.rule == ASKING:
            return self._of_asking(Asked.by(job), job.wildcards["judge"])
        if job.rule == TRAINING:
            return self._of_training(job)
        return Cost(hours=_hours_before(job))

    def _of_asking(self, asked: Asked, judge: str) -> Cost:
        if not self._stay(asked.items):
            return Cost(bound=True)
        known = self._stay(asked.evidence) and asked.model not in self._made_by
        if known and sum(map(_bytes, [*asked.evidence, Path(asked.model)])) <= READ_AT_MOST_BYTES:
            votes, bound = _missing_votes(asked), False
        else:
            items = read_table(asked.items, ITEMS, ITEM_COLUMNS)
            rows = sum(len(rows_of_shard(items, asked.settings, shard, asked.shards)) for shard in asked.chosen)
            votes, bound = rows * asked.settings.sampling.votes, True
        hours = _hours_a_vote(asked.timings) or self._stated(asked.items, judge, "votes")
        return Cost(votes=votes, bound=bound, hours=None if hours is None else votes * hours)

    def _of_training(self, job: Job) -> Cost:
        name, items = job.wildcards["student"], _paths(job.input["item_tables"])
        steps = Student.model_validate_json(job.value("settings")).training.steps
        if steps is None and self._stay(items):
            steps = self._forecasts(items)[name, "training"]["steps"]
        log = Path(job.outputs[0], "training_log.parquet")
        before = _hours_before(job)
        if before is not None and log.is_file():
            hours = before / pq.read_metadata(log).num_rows
        else:
            hours = self._stated(items, name, "training")
        return Cost(steps=steps, hours=None if steps is None or hours is None else steps * hours)

    def _stay(self, files: Iterable[Path]) -> bool:
        """Say whether files are there and stay as they are."""
        return all(file.exists() and str(file) not in self._made_by for file in files)

    def _stated(self, items: Sequence[Path], name: str, stage: str) -> float | None:
        """Return the hours of a vote or step that follow from the stated rates, or None where none is stated."""
        if not self._stay(items):
            return None
        row = self._forecasts(items)[name, stage]
        amount = row["votes" if stage == "votes" else "steps"]
        return None if pd.isna(row["hours"]) or not amount else float(row["hours"] / amount)

    def _forecasts(self, items: Sequence[Path]) -> dict[tuple[str, str], dict[str, Any]]:
        if not self._forecast:
            for row in forecast(self._settings, items).to_dict("records"):
                self._forecast[row["model"], row["stage"]] = {str(column): value for column, value in row.items()}
        return self._forecast


def _missing_votes(asked: Asked) -> int:
    """Return how many votes a labelling job would ask for: those that its journals lack."""
    missing = 0
    for shard, evidence in zip(asked.chosen, asked.evidence, strict=True):
        where = asked.items, shard, asked.shards, EvidenceShelf(evidence)
        questions = plan(asked.settings, asked.model, asked.revision, asked.media, *where)
        wanted = {digest for question in questions if question.answerable for digest in question.digests}
        missing += len(wanted - kept_digests(journal_file(asked.journal, shard, asked.shards)))
    return missing


def _hours_a_vote(timings: Path) -> float | None:
    """Return the hours between two votes of a judge's earlier runs, pauses left out; None where there are too few."""
    table = read_table(sorted(timings.glob("*.parquet")), TIMINGS, ["asked_at_s", "latency_s"]).to_pandas()
    arrivals = (table["asked_at_s"] + table["latency_s"]).sort_values()
    gaps = arrivals.diff()
    seconds = gaps[gaps < PAUSE_S].sum()
    return float(seconds / len(arrivals) / 3600) if seconds else None


def _hours_before(job: Job) -> float | None:
    """Return the hours that the same job took when it last ran, or else the mean of its rule's jobs."""
    if job.benchmark is None:
        return None
    own, of_rule = Path(job.benchmark), Path("results/benchmarks", job.rule).rglob("*.tsv")
    files = [own] if own.is_file() else list(of_rule)
    if not files:
        return None
    return float(pd.concat(pd.read_csv(file, sep="\t") for file in files)["s"].mean() / 3600)


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]) if file.is_file())


def _paths(files: Sequence[str]) -> list[Path]:
    return [Path(file) for file in files]


def _lines(jobs: Sequence[Job], costs: Sequence[Cost]) -> Iterator[tuple[str, ...]]:
    """Yield a line for jobs of one rule that have the same reasons, but for single files and for what they follow."""
    made_by = {file: job.rule for job in jobs for file in job.outputs}
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[Job, Cost]]] = {}
    for job, cost in zip(jobs, costs, strict=True):
        groups.setdefault((job.rule, tuple(reasons(job)), tuple(files_concerned(job))), []).append((job, cost))
    for (rule, own, kinds), members in groups.items():
        of = [job for job, _ in members]
        whose = some(list(dict.fromkeys(filter(None, map(_whose, of)))))
        why = [f"{whose}: {reason}" if whose else reason for reason in own]
        why += [said_of(kind, [file for job in of for file in files_concerned(job)[kind]]) for kind in kinds]
        if before := set[str]().union(*(followed(job, made_by) for job in of)):
            why.append(f"follows {', '.join(sorted(before))}")
        yield _line(rule, [cost for _, cost in members], "\n".join(why))
    yield _line("total", costs, "")


def _whose(job: Job) -> str:
    """Return the names that a job has in the configuration, those of its wildcards."""
    return "/".join(value for name, value in job.wildcards.items() if name not in ("shard", "piece"))


def _line(rule: str, costs: Sequence[Cost], why: str) -> tuple[str, ...]:
    votes = [cost.votes for cost in costs if cost.votes is not None]
    steps = [cost.steps for cost in costs if cost.steps is not None]
    hours = [cost.hours for cost in costs if cost.hours is not None]
    at_most = "≤ " if votes and any(cost.bound for cost in costs) else ""
    unknown = "?" if any(cost.bound and cost.votes is None for cost in costs) else ""
    return (
        rule,
        str(len(costs)),
        (f"{at_most}{sum(votes):,}" if votes else "") + unknown,
        f"{sum(steps):,}" if steps else "",
        f"{sum(hours):.3f}" if hours else "",
        why,
    )


def _as_text(lines: Sequence[tuple[str, ...]]) -> str:
    lines = [COLUMNS, *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS) - 1)]
    margin = "\n" + " " * (sum(widths) + 2 * len(widths))
    text = []
    for rule, *figures, why in lines:
        cells = [rule.ljust(widths[0]), *map(str.rjust, figures, widths[1:]), why.replace("\n", margin)]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)
