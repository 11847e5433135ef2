"""Say before a run which jobs will run, why, and what they cost.

Snakemake's dry run says which and why.  Votes are the planned ones that no journal has; where a question is not known
yet, since the run itself makes its evidence or model, all votes of the job are counted, as a bound.  Hours are measured
ones where an earlier run left them (the rate of the last answers, the seconds of a training's step, the seconds of the
same job), else those that follow from the rates in the configuration's section `costs`.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pyarrow.parquet as pq
import yaml

from umui.arguments import Option
from umui.asking.journal import journal_file, kept_digests
from umui.asking.planning import ITEM_COLUMNS, plan, rows_of_shard
from umui.cli import parser
from umui.config.loading import judge_of_parts, load, merged
from umui.config.run import Config
from umui.evidence.shelf import EvidenceShelf
from umui.files.parquet import read_table
from umui.plan.cost import forecast
from umui.plan.dry_run import Job, followed, read_jobs, reasons
from umui.tables import ITEMS, TIMINGS

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

    Jobs of one rule and reason share a line.  Raises ValueError with Snakemake's own words when it cannot plan the run.
    """
    jobs = read_jobs(_dry_run(targets, configfiles))
    if not jobs:
        print("nothing to do: all is there, made with this configuration and this code")
        return
    planned = Planned(_configuration(configfiles), jobs)
    costs = [planned.cost(job) for job in jobs]
    print(_as_text(list(_lines(jobs, costs))))
    if unknown := sorted({job.rule for job, cost in zip(jobs, costs, strict=True) if cost.hours is None}):
        print(f"\nHours are of one job after another; nothing is known of {', '.join(unknown)}.")


def _dry_run(targets: Sequence[str], configfiles: Sequence[Path]) -> str:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--nolock", "--cores", "1"]
    overlays = ["--configfile", *map(str, configfiles)] if configfiles else []
    done = subprocess.run([*command, *overlays, "--", *targets], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"Snakemake cannot plan this run:\n{done.stderr.strip()}")
    return done.stdout


def _configuration(configfiles: Sequence[Path]) -> Config:
    settings: dict[str, Any] = {}
    for file in (Path("config.yaml"), *configfiles):
        settings = merged(settings, yaml.safe_load(file.read_text(encoding="utf-8")))
    return load(settings)


class Planned:
    """All planned jobs, and so which files a job finds as they are now."""

    def __init__(self, settings: Config, jobs: Iterable[Job]) -> None:
        """`settings` are those of the planned run."""
        self._settings = settings
        self._made_by = {file: job.rule for job in jobs for file in job.outputs}
        self._forecast: dict[tuple[str, str], dict[str, Any]] = {}

    def cost(self, job: Job) -> Cost:
        """Return what a job would cost."""
        arguments = job.arguments()
        if arguments[:1] == ["ask"]:
            return self._of_asking(parser("ask").parse_args(arguments[1:]))
        if arguments[:1] == ["train-student"]:
            return self._of_training(job, parser("train-student").parse_args(arguments[1:]))
        return Cost(hours=_hours_before(job))

    def _of_asking(self, asked: argparse.Namespace) -> Cost:
        if not self._stay(asked.items):
            return Cost(bound=True)
        model = Path(asked.model)
        known = self._stay(asked.evidence) and asked.model not in self._made_by
        if known and sum(map(_bytes, [*asked.evidence, model])) <= READ_AT_MOST_BYTES:
            votes, bound = _missing_votes(asked), False
        else:
            items = read_table(asked.items, ITEMS, ITEM_COLUMNS)
            judge = judge_of_parts(asked.settings, asked.circumstances)
            rows = sum(len(rows_of_shard(items, judge, shard, asked.shards)) for shard in asked.chosen)
            votes, bound = rows * judge.sampling.votes, True
        hours = _hours_a_vote(asked.timings.parent) or self._stated(asked.items, asked.judge, "votes")
        return Cost(votes=votes, bound=bound, hours=None if hours is None else votes * hours)

    def _of_training(self, job: Job, asked: argparse.Namespace) -> Cost:
        name, steps = job.wildcards["student"], asked.settings.training.steps
        if steps is None and self._stay(asked.items):
            steps = self._forecasts(asked.items)[name, "training"]["steps"]
        log = asked.output / "training_log.parquet"
        before = _hours_before(job)
        if before is not None and log.is_file():
            hours = before / pq.read_metadata(log).num_rows
        else:
            hours = self._stated(asked.items, name, "training")
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


def _missing_votes(asked: argparse.Namespace) -> int:
    """Return how many votes a labelling job would ask for: those that its journals lack."""
    missing, judge = 0, judge_of_parts(asked.settings, asked.circumstances)
    for shard, evidence in zip(asked.chosen, asked.evidence, strict=True):
        where = asked.items, shard, asked.shards, EvidenceShelf(evidence)
        questions = plan(judge, asked.model, asked.revision, asked.media_settings, *where)
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
    of_rule = Path("results/benchmarks", job.rule).rglob("*.tsv")
    files = [job.benchmark] if job.benchmark.is_file() else list(of_rule)
    if not files:
        return None
    return float(pd.concat(pd.read_csv(file, sep="\t") for file in files)["s"].mean() / 3600)


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]) if file.is_file())


def _lines(jobs: Sequence[Job], costs: Sequence[Cost]) -> Iterator[tuple[str, ...]]:
    """Yield a line for jobs of one rule that have the same reasons, but for what they follow."""
    made_by = {file: job.rule for job in jobs for file in job.outputs}
    groups: dict[tuple[str, ...], list[tuple[Job, Cost]]] = {}
    for job, cost in zip(jobs, costs, strict=True):
        of = ", ".join(value for name, value in job.wildcards.items() if name not in ("shard", "piece"))
        own = (f"{of}: {reason}" if of else reason for reason in reasons(job))
        groups.setdefault((job.rule, *own), []).append((job, cost))
    for (rule, *own_reasons), members in groups.items():
        before = set[str]().union(*(followed(job, made_by) for job, _ in members))
        follows = [f"follows {', '.join(sorted(before))}"] if before else []
        yield _line(rule, [cost for _, cost in members], "\n".join([*own_reasons, *follows]))
    yield _line("total", costs, "")


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
