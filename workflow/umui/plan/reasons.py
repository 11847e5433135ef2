"""Why a job would run, in words."""

import json
import re
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from umui.plan.dry_run import Job, value_of
from umui.plan.recorded import parameters_before, shown

OF_FILES = {
    "missing": ("is not there", "are not there"),
    "half_written": ("was left half-written", "were left half-written"),
    "changed": ("has changed", "have changed"),
}
CODE = "the stage's code, or what it imports, is another"
ENVIRONMENT = re.compile(r"[\w.-]+-[0-9a-f]{12}\b")
ITSELF = ("settings", "config")
"""Parameters whose keys are told without the parameter's name before them."""

MANY, LONG = 3, 60


def followed(job: Job, made_by: Mapping[str, str]) -> set[str]:
    """Return the rules whose new files make a job run; `made_by` has the rule that would make each planned file."""
    return {made_by[file] for file in job.why.remade}


def files_concerned(job: Job) -> dict[str, tuple[str, ...]]:
    """Return the files because of which a job would run, by what is with them: a key of OF_FILES."""
    why = job.why
    concerned = {"missing": why.missing, "half_written": why.half_written, "changed": why.changed}
    return {kind: files for kind, files in concerned.items() if files}


def said_of(kind: str, files: Sequence[str]) -> str:
    """Say what is with files."""
    return f"{some(files)} {OF_FILES[kind][len(files) > 1]}"


def reasons(job: Job) -> list[str]:
    """Return why a job would run whatever happens to others before it, but for single files."""
    why, said = job.why, list(_parameters(job))
    if why.other_command:
        said.append("the rule's shell command is another")
    if why.other_environment:
        said.append("its environment is another")
    if why.other_inputs:
        said.append(_other_inputs(job))
    if why.forced:
        said.append("forced by a profile")
    return list(dict.fromkeys(said))


def _parameters(job: Job) -> Iterator[str]:
    """Say which parameters are others, by name; without the values before where the record tells no names."""
    why = job.why
    if not (why.parameters_before or why.parameters_now):
        return
    before = parameters_before(job)
    exclusive = set(map(shown, why.parameters_before))
    new: list[str] = []
    for name, literal in job.parameters.items():
        now_alone = literal in why.parameters_now
        if name not in before:
            new += [name] if now_alone else []
            continue
        if shown(before[name]) != shown(literal) and (now_alone or shown(before[name]) in exclusive):
            yield from _difference(name, value_of(before[name]), value_of(literal), _files_told(job))
    gone = [name for name, literal in before.items() if name not in job.parameters and shown(literal) in exclusive]
    if gone:
        yield f"no parameter {', '.join(gone)} any more"
    yield from _unpaired(job, new, len(exclusive - set(map(shown, before.values()))))


def _unpaired(job: Job, new: Sequence[str], n_before: int) -> Iterator[str]:
    """Say which parameters are new or others, though of `n_before` values nobody knows whose they were."""
    if "code" in new:  # a digest that no record has is another than before
        yield CODE
        n_before -= 1
    told = [f"{name}: {_short(job.value(name))}" for name in new if name != "code"]
    if n_before > 0:
        yield "; ".join(["other parameters", *told])
    elif told:
        yield f"new parameter {'; '.join(told)}"


def _files_told(job: Job) -> set[str]:
    """Return the input files that are told of as such, and not again where a parameter names them."""
    return {*job.inputs, *job.record.inputs} if job.why.other_inputs and job.record else set()


def _difference(name: str, old: Any, new: Any, told: Container[str]) -> Iterator[str]:
    settings = _settings(old), _settings(new)
    if name == "code":
        yield CODE
    elif settings[0] is not None and settings[1] is not None:
        yield from _settings_difference(settings[0], settings[1], "" if name in ITSELF else f"{name}.")
    elif (environment := _other_environment(old, new)) is not None:
        yield environment
    elif max(len(_text(old)), len(_text(new))) > LONG:
        before, now = ([word for word in _words(value) if word not in told] for value in (old, new))
        if before != now or not told:
            yield f"{name}: {_without_with(before, now) or 'in another order'}"
    else:
        yield f"{name}: {_short(old)} → {_short(new)}"


def _settings(value: Any) -> dict[str, Any] | None:
    """Return the keys of a section of the configuration, which is recorded as JSON; None for other values."""
    if not (isinstance(value, str) and value.startswith("{")):
        return None
    try:
        return dict(json.loads(value))
    except json.JSONDecodeError:
        return None


def _settings_difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        name = f"{prefix}{key}"
        if key not in new or key not in old:
            yield f"no {name} any more" if key in old else f"new: {name}"
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            yield from _settings_difference(old[key], new[key], f"{name}.")
        elif old[key] != new[key]:
            yield f"{name}: {_short(old[key])} → {_short(new[key])}"


def _other_environment(old: Any, new: Any) -> str | None:
    """Name both environments where nothing else differs."""
    names = ENVIRONMENT.findall(str(old)), ENVIRONMENT.findall(str(new))
    if not all(names) or ENVIRONMENT.split(str(old)) != ENVIRONMENT.split(str(new)):
        return None
    return f"its environment is another: {names[0][0]} → {names[1][0]}"


def _words(value: Any) -> list[str]:
    """Return the words that a command gets of a parameter."""
    if isinstance(value, list | tuple):
        return list(map(str, value))
    try:
        return shlex.split(str(value))
    except ValueError:  # an apostrophe
        return str(value).split()


def _other_inputs(job: Job) -> str:
    before = job.record.inputs if job.record else ()
    return f"other input files than before: {_without_with(before, job.inputs)}"


def _without_with(old: Sequence[str], new: Sequence[str]) -> str:
    gone, come = ([_apart(word) for word in dict.fromkeys(a) if word not in b] for a, b in ((old, new), (new, old)))
    return "; ".join(f"{what} {some(words)}" for what, words in (("without", gone), ("with", come)) if words)


def _apart(word: str) -> str:
    return f'"{word}"' if re.search(r"[\s,;]", word) else word


def some(words: Sequence[str]) -> str:
    """Return the first of some words, and how many more there are."""
    more = f" and {len(words) - MANY} more" if len(words) > MANY else ""
    return ", ".join(words[:MANY]) + more


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= LONG else f"{text[: LONG - 3]}..."


def _text(value: Any) -> str:
    return value or "nothing" if isinstance(value, str) else json.dumps(value, default=str)
