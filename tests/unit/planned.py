"""Jobs of a planned run for tests: what is not given is as plain as can be."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from snakemake.utils import QuotedFormatter, SequenceFormatter

from umui.plan.dry_run import Job, Record, Why

FILES = ("results/items.parquet",)


class Values:
    """Values by attribute, as a rule's shell command names them."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def command(template: str, **parameters: Any) -> str:
    """Fill a rule's shell command as Snakemake does."""
    formatter = SequenceFormatter(separator=" ", element_formatter=QuotedFormatter())
    return formatter.format(template, params=Values(**parameters), input=list(FILES))


def record_of(template: str, inputs: Iterable[str] = FILES, unrecorded: Collection[str] = (), **values: Any) -> Record:
    """What Snakemake records of a job with these parameters."""
    recorded = (repr(value) for name, value in values.items() if name not in unrecorded)
    return Record(template, command(template, **values), tuple(sorted(recorded)), tuple(inputs))


def planned_job(
    now: Mapping[str, Any] | None = None, record: Record | None = None, unrecorded: Collection[str] = (), **given: Any
) -> Job:
    """A job with the parameters `now`; which of them are others than in its record is found as Snakemake does."""
    parameters = {name: repr(value) for name, value in (now or {}).items()}
    recorded = {literal for name, literal in parameters.items() if name not in unrecorded}
    before = set(record.parameters) if record else recorded
    why = {"parameters_before": frozenset(before - recorded), "parameters_now": frozenset(recorded - before)}
    fields: dict[str, Any] = {
        "rule": "rule", "wildcards": {}, "input": {"item_tables": FILES}, "output": {"table": ("results/table.csv",)},
        "benchmark": None, "parameters": parameters, "unrecorded": frozenset(unrecorded), "record": record,
    }  # fmt: skip
    return Job(**(fields | {"why": Why(**(why | given.pop("why", {})))} | given))
