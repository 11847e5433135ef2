"""Table 6 of the paper: the hyperparameters that each student was trained with, from the configuration of the run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import yaml
from pydantic import BaseModel

from umui.config.loading import load
from umui.config.students import Student, unused_keys
from umui.files.atomic import write_text

COLUMNS = ["student", "hyperparameter", "value", "meaning"]
MARKDOWN = """\
# Table 6: hyperparameters

As they were in this run (`run_config.yaml`). A dash: not set.

{table}
"""


def hyperparameters(
    run_config: Annotated[Path, "as written by the stage run-config"],
    csv: Annotated[Path, "a row a student and hyperparameter, written"],
    markdown: Annotated[Path, "the same for readers, with a column a student, written"],
) -> None:
    """Lay out the students' hyperparameters as Table 6."""
    students = load(yaml.safe_load(run_config.read_text(encoding="utf-8"))).students
    rows = [
        dict(zip(COLUMNS, (student.title, *setting), strict=True))
        for student in students.values()
        for setting in settings_of(student)
    ]
    found = pd.DataFrame(rows, columns=COLUMNS)
    write_text(csv, found.to_csv(index=False, lineterminator="\n"))
    write_text(markdown, MARKDOWN.format(table=layout(found)))


def settings_of(student: Student) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and meaning of what a student is trained with; lists and sources are JSON, null is empty."""
    yield from _flat(student, "", leave_out={"title", "batch_premises", *unused_keys(student)})


def _flat(section: BaseModel, prefix: str, leave_out: set[str]) -> Iterator[tuple[str, str, str]]:
    for name, field in type(section).model_fields.items():
        value: Any = getattr(section, name)
        if name in leave_out:
            continue
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.", leave_out)
        else:
            yield f"{prefix}{name}", _in_words(section.model_dump(mode="json")[name]), field.description or ""


def _in_words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def layout(found: pd.DataFrame) -> str:
    """Return a Markdown table with a line a hyperparameter and a column a student."""
    students = list(dict.fromkeys(found["student"]))
    values = {(row.student, row.hyperparameter): row.value for row in found.itertuples()}
    lines = [["hyperparameter", *students, "meaning"], ["---"] * (len(students) + 2)]
    for name, meaning in found.drop_duplicates("hyperparameter")[["hyperparameter", "meaning"]].itertuples(index=False):
        lines.append([f"`{name}`", *(values.get((student, name)) or "–" for student in students), meaning])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
