"""Which figures there are, and whose numbers each shows."""

from collections.abc import Iterable, Iterator, Mapping

from umui.config.run import Config
from umui.config.students import Student, loss_name
from umui.plan.entries import Entry, entries, main_students, models
from umui.plan.paths import training_log


def figures(config: Config) -> list[str]:
    """Return the names of the figures that a run draws."""
    found = ["figure3", "figure4"]
    if main_students(config):
        found += ["figure6", "reliability", "training"]
    if students_by_batching(config):
        found.append("figure5")
    return found


def raters(config: Config) -> Mapping[str, list[str]]:
    """Return whom figure 3 compares with the annotators: each teacher's last aggregation, students, two others."""
    last = {entry.name: entry for entry in entries(config) if entry.role == "teacher"}
    return _files([*last.values(), *(entry for entry in models(config) if _is_rater(entry))])


def _is_rater(entry: Entry) -> bool:
    return entry.role in ("student", "oracle") or (entry.role, entry.name) == ("control", "hypothesis-only")


def distributions(config: Config) -> Mapping[str, Mapping[str, list[str]]]:
    """Return whose probabilities figures 4 and 6 spread out: teachers', and those of students by their negatives."""
    chosen = {
        name
        for name, student in config.students.items()
        if name in main_students(config) or student.training.negative_ratio
    }
    return {
        "figure4": _files(entry for entry in entries(config) if entry.role == "teacher"),
        "figure6": _files(entry for entry in entries(config) if entry.role == "student" and entry.name in chosen),
    }


def reliability(config: Config) -> Mapping[str, list[str]]:
    """Return whose probabilities the reliability diagrams show: students' and teachers'."""
    return _files(entry for entry in models(config) if entry.role in ("student", "teacher"))


def students_by_batching(config: Config) -> Mapping[str, Student]:
    """Return the first students that differ in their batching and in nothing else but their titles, by name."""
    alike: dict[str, dict[str, Student]] = {}
    for name, student in config.students.items():
        rest = student.as_json(exclude={"title": True, "training": {"batching"}})
        alike.setdefault(rest, {})[name] = student
    for students in alike.values():
        if len({student.training.batching for student in students.values()}) > 1:
            return students
    return {}


def training_logs(students: Mapping[str, Student]) -> Mapping[str, list[str]]:
    """Return the training log of each student, by its title."""
    return {student.title: [training_log(name)] for name, student in students.items()}


def losses(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each student's title and what its loss is, with the unit."""
    for student in config.students.values():
        yield student.title, loss_name(student)


def _files(chosen: Iterable[Entry]) -> Mapping[str, list[str]]:
    return {entry.title: list(entry.files) for entry in chosen}
