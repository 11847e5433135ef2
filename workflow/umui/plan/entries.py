"""The models that tables and figures compare: what each is called there, its role, and where its predictions are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from umui.config.run import Config
from umui.config.students import Student
from umui.plan.controls import controls
from umui.plan.labels import label_names
from umui.plan.models import made_directory
from umui.plan.paths import of_shards, student_directory

Role = Literal["student", "teacher", "baseline", "control", "oracle"]
FOLDERS: Mapping[Role, str] = {
    "student": "students",
    "teacher": "labels",
    "baseline": "labels",
    "control": "controls",
    "oracle": "controls",
}
"""Where results of each role lie, below results/predictions and results/metrics."""

VIEWS = ("frames", "sound")  # what a student is shown of audiovisual premises, beside all of them


@dataclass(frozen=True)
class Entry:
    """A model of the tables; a judge is as many as it has aggregations."""

    role: Role
    name: str  # of the student, the judge or the control
    title: str  # in tables
    files: tuple[str, ...]  # its predictions
    label: str | None = None  # a judge's aggregation
    size: str | None = None  # the directory that says how many parameters it has

    @property
    def path(self) -> str:
        """What its files are called below each directory of results, such as ``labels/tiny-teacher/5-mean``."""
        return "/".join([FOLDERS[self.role], self.name, *([self.label] if self.label else [])])

    @property
    def metrics(self) -> str:
        """The file of its metrics."""
        return f"results/metrics/{self.path}.parquet"

    @property
    def scaled_metrics(self) -> str:
        """The file of its metrics after temperature scaling."""
        return f"results/scaled_metrics/{self.path}.parquet"


def entries(config: Config) -> list[Entry]:
    """Return every model that some table compares: students, asked judges, imported teachers, controls, oracle."""
    return [*_students(config), *_judges(config), *_imported(config), *_controls(config)]


def models(config: Config) -> list[Entry]:
    """Return the models of most tables and figures: all but the students of ablations."""
    return [entry for entry in entries(config) if entry.role != "student" or entry.name in main_students(config)]


def main_students(config: Config) -> Mapping[str, Student]:
    """Return the students that are no ablations, by name."""
    return {name: student for name, student in config.students.items() if name not in config.ablations}


def view_title(config: Config, student: str, view: str) -> str:
    """Return a student's name in tables, with what it was shown if that was not all (the view ``full``)."""
    title = config.students[student].title
    return title if view == "full" else f"{title}, {view} only"


def view_files(config: Config, student: str, view: str) -> list[str]:
    """Return what a student predicted in a view, one file a shard."""
    return of_shards(config, f"results/predictions/students/{student}/{view}/{{shard}}.parquet")


def predictions(config: Config) -> Mapping[str, list[str]]:
    """Return the predictions of all models, and of students in part of what they are shown, by their titles."""
    whole = {entry.title: list(entry.files) for entry in models(config)}
    return whole | {
        view_title(config, student, view): view_files(config, student, view)
        for student in main_students(config)
        for view in VIEWS
    }


def _students(config: Config) -> Iterator[Entry]:
    for name, student in config.students.items():
        files = tuple(view_files(config, name, "full"))
        yield Entry("student", name, student.title, files, size=student_directory(name))


def _judges(config: Config) -> Iterator[Entry]:
    """Yield asked judges; a baseline is asked once, so that its title needs no aggregation."""
    for name, judge in config.judges.items():
        for label in label_names(config, name):
            taught = name in config.teachers
            yield Entry(
                role="teacher" if taught else "baseline",
                name=name,
                title=f"{judge.title}, {label}" if taught else judge.title,
                files=(f"results/predictions/labels/{name}/{label}.parquet",),
                label=label,
                size=made_directory(config, judge.model),
            )


def _imported(config: Config) -> Iterator[Entry]:
    for name, teacher in config.imported_teachers.items():
        for label in label_names(config, name):
            files = (f"results/predictions/labels/{name}/{label}.parquet",)
            yield Entry("teacher", name, f"{teacher.title}, {label}", files, label=label)


def _controls(config: Config) -> Iterator[Entry]:
    for name in controls(config):
        role: Role = "oracle" if name == "oracle" else "control"
        yield Entry(role, name, name, (f"results/predictions/controls/{name}.parquet",))
