"""What Snakemake's dry run says: which jobs would run, with which command, and why."""

import ast
import json
import re
import shlex
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

METADATA = Path(".snakemake/metadata")
LITERALS = r"""((?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^'"])*?)"""
PARAMETERS = re.compile(rf"across all output: before: {LITERALS} now: {LITERALS} ?(?:; Software|$)")
FILES = r"(?:^|; ){}: (.*?)(?:; [A-Z]|$)"
CODE_DIGEST = re.compile(r"[0-9a-f]{16}")
MANY = 3


@dataclass(frozen=True)
class Job:
    """A job that would run; `command` is its shell command, `reason` Snakemake's own words."""

    rule: str
    wildcards: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    benchmark: Path | None
    reason: str
    command: str

    def arguments(self) -> list[str]:
        """Return the subcommand of this package that the command calls, and its arguments; nothing for others."""
        tokens = shlex.split(self.command.partition("umui.cli ")[2])
        return list(takewhile(lambda token: not token.startswith((">", "2>")), tokens))


def read_jobs(text: str) -> list[Job]:
    """Read the output of ``snakemake --dry-run --printshellcmds``; target rules, which make nothing, are left out."""
    jobs = [_job(block.partition("\nJob stats:")[0]) for block in re.split(r"^\[[^\]]+\]\n", text, flags=re.M)[1:]]
    return [job for job in jobs if job.outputs]


def _job(block: str) -> Job:
    head, _, command = block.partition("\nShell command:")
    rule = re.match(r"(?:local)?rule (\w+):", head)
    assert rule, f"not a job of a dry run: {head[:80]}"
    fields = dict(re.findall(r"^    (\w+): (.*)$", head, flags=re.M))
    pairs = (pair.partition("=") for pair in fields.get("wildcards", "").split(", ") if pair)
    benchmark = fields.get("benchmark")
    return Job(
        rule=rule[1],
        wildcards={name: value for name, _, value in pairs},
        inputs=fields["input"].split(", ") if "input" in fields else [],
        outputs=fields["output"].split(", ") if "output" in fields else [],
        benchmark=Path(benchmark) if benchmark else None,
        reason=fields["reason"],
        command=command.strip(),
    )


def followed(job: Job, made_by: Mapping[str, str]) -> set[str]:
    """Return the rules whose new files make a job run; `made_by` has the rule that would make each planned file."""
    return {made_by[file] for file in _files("Input files updated by another job", job.reason)}


def reasons(job: Job) -> Iterator[str]:
    """Say why a job would run whatever happens to others before it."""
    if parameters := PARAMETERS.search(job.reason):
        yield from changes(_values(parameters[1]), _values(parameters[2]))
    if "Code has changed" in job.reason:
        yield "the rule's shell command is another"
    if "Software environment definition" in job.reason:
        yield "its environment is another"
    if "Set of input files has changed" in job.reason:
        yield from _other_inputs(job)
    if missing := _files("Missing output files", job.reason):
        yield f"{_some(missing)} {'is' if len(missing) == 1 else 'are'} not there"
    if incomplete := _files("Incomplete output files", job.reason):
        yield f"{_some(incomplete)} {'was' if len(incomplete) == 1 else 'were'} left half-written"
    if updated := _files("Updated input files", job.reason):
        yield f"{_some(updated)} {'has' if len(updated) == 1 else 'have'} changed"


def _values(text: str) -> list[Any]:
    """Read parameters as Snakemake prints them: Python literals with commas between."""
    return [] if text == "<nothing exclusive>" else [_decoded(value) for value in ast.literal_eval(f"[{text}]")]


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def changes(before: Sequence[Any], now: Sequence[Any]) -> Iterator[str]:
    """Say what differs between parameters of the last run and of this one, which come in any order and without names.

    A value belongs to the one that it has most in common with.
    """
    left = list(before)
    for value in sorted(now, key=str):
        twin = max(left, key=lambda old: _likeness(old, value), default=None)
        if twin is None or not _likeness(twin, value):
            yield f"new: {_short(value)}"
            continue
        left.remove(twin)
        yield from _difference(twin, value)
    yield from (f"no longer: {_short(value)}" for value in left)


def _difference(old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict):
        yield from _settings_difference(old, new)
    elif _is_code(new):
        yield "the stage's code, or what it imports, is another"
    elif isinstance(new, str) and len(parts := shlex.split(new)) > 1:
        words = shlex.split(str(old))
        gone, come = [word for word in words if word not in parts], [word for word in parts if word not in words]
        yield "; ".join(f"{what} {_some(some)}" for what, some in (("without", gone), ("with", come)) if some)
    else:
        yield f"{_short(old)} → {_short(new)}"


def _settings_difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        name = f"{prefix}{key}"
        if key not in new or key not in old:
            yield f"no {name} any more" if key in old else f"new: {name}"
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            yield from _settings_difference(old[key], new[key], f"{name}.")
        elif old[key] != new[key]:
            yield f"{name}: {_short(old[key])} → {_short(new[key])}"


def _likeness(old: Any, new: Any) -> float:
    """Return how much two parameters have in common, 0 (nothing) to 2; those of different kinds have nothing."""
    kinds = {type(old), type(new)}
    if len(kinds) > 1 or _is_code(old) != _is_code(new):
        return 0
    if isinstance(old, dict):
        return len(old.keys() & new.keys()) / len(old.keys() | new.keys())
    if not isinstance(old, str):
        return 1
    a, b = set(shlex.split(old)), set(shlex.split(new))
    return 0.5 + len(a & b) / max(1, len(a | b))


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and bool(CODE_DIGEST.fullmatch(value))


def _other_inputs(job: Job) -> Iterator[str]:
    """Compare the input files with those in Snakemake's record of the last run, where it has one under a short name."""
    record = METADATA / urlsafe_b64encode(job.outputs[0].encode()).decode()
    before = json.loads(record.read_text())["input"] if record.is_file() else None
    if before is None:
        yield "other input files than before"
        return
    gone, come = sorted(set(before) - set(job.inputs)), sorted(set(job.inputs) - set(before))
    yield "; ".join(f"{what} {_some(some)}" for what, some in (("without", gone), ("with", come)) if some)


def _files(words: str, reason: str) -> list[str]:
    found = re.search(FILES.format(words), reason)
    return sorted(found[1].split(", ")) if found else []


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - MANY} more" if len(words) > MANY else ""
    return ", ".join(words[:MANY]) + more


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
