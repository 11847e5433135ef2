"""Which recorded parameter had which name: Snakemake records the values of a job's parameters, but not their names.

It also records the rule's command with its fields (``--votes {params.votes}``), and the same as it ran (``--votes 5``).
A value's name is that of the field in whose place it stands.
"""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from umui.plan.dry_run import Job, Record, value_of

PARAMETER = re.compile(r"params\.(\w+)")


def parameters_before(job: Job) -> dict[str, str]:
    """Return the parameters of a job's last run by name, as Python literals.

    Told are those that have a field in the recorded command, those that are a wildcard (another value would be another
    job), and, if the rule's command is still the same, one more: the last value belongs to the last name.  What is not
    certain is left out.
    """
    if job.record is None:
        return {}
    known, left = {}, list(job.record.parameters)
    for name, text in _of_command(job.record, job.unrecorded).items():
        alike = [literal for literal in left if shown(literal) == text]  # "2" may be a number or a word
        if alike:
            known[name] = job.parameters[name] if job.parameters.get(name) in alike else alike[0]
            left.remove(known[name])
    wildcards = set(map(repr, job.wildcards.values()))
    for name, literal in job.parameters.items():
        if name not in known and literal in wildcards and literal in left:
            known[name] = literal
            left.remove(literal)
    names = [name for name in job.parameters if name not in known and name not in job.unrecorded]
    if len(names) == len(left) == 1 and not job.why.other_command:
        known[names[0]] = left[0]
    return known


def shown(literal: str, form: str = "") -> str:
    """Return a parameter as it stands in a command; in the form "q" it is quoted for the shell."""
    value: Any = value_of(literal)
    parts = map(str, value if isinstance(value, list | tuple | set | frozenset) else [value])
    return " ".join(shlex.quote(part) if form == "q" and part else part for part in parts)


@dataclass(frozen=True)
class Piece:
    """A piece of a template: the texts that it may have become, each with what it shows; None where that is unknown."""

    name: str | None
    texts: Mapping[str, str] | None


def _of_command(record: Record, unrecorded: Collection[str]) -> dict[str, str]:
    """Return the parameters that the recorded command tells: those whose place no other value could hold, as shown."""
    fitting: dict[str, set[str]] = {}
    for name, values in _fitting(list(_pieces(record, unrecorded)), record.command):
        fitting[name] = fitting.get(name, values) & values
    return {name: values.pop() for name, values in fitting.items() if len(values) == 1}


def _pieces(record: Record, unrecorded: Collection[str]) -> Iterator[Piece]:
    for words, field, form, _ in Formatter().parse(record.template):
        yield Piece(None, {words: words})
        name = PARAMETER.fullmatch(field or "")
        if name and name[1] not in unrecorded and form in ("", "q"):
            yield Piece(name[1], {shown(literal, form): shown(literal) for literal in record.parameters})
        elif field is not None:
            yield Piece(None, None)


def _fitting(pieces: Sequence[Piece], command: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the name of each parameter's field with all values that it shows in some reading of the whole command."""
    starts = [{0}]  # of each piece: where it begins when those before it are read in every way
    for piece in pieces:
        starts.append(_ends(piece, starts[-1], command))
    live = starts.pop() & {len(command)}  # where a piece may end so that those after it reach the command's end
    for piece, begins in zip(reversed(pieces), reversed(starts), strict=True):
        if piece.texts is None:
            live = {begin for begin in begins if live and begin <= max(live)}
            continue
        ways = [
            (begin, text)
            for begin in begins
            for text in piece.texts
            if begin + len(text) in live and command.startswith(text, begin)
        ]
        live = {begin for begin, _ in ways}
        if piece.name is not None:
            yield piece.name, {piece.texts[text] for _, text in ways}


def _ends(piece: Piece, begins: Collection[int], command: str) -> set[int]:
    if piece.texts is None:
        return set(range(min(begins), len(command) + 1)) if begins else set()
    return {begin + len(text) for begin in begins for text in piece.texts if command.startswith(text, begin)}
