"""Which models are compared with which, on the same items."""

from collections.abc import Iterator, Mapping

from umui.config.run import Config
from umui.plan.entries import VIEWS, main_students, models, view_title
from umui.plan.labels import label_names, teachers

CONTROLS_OF_STUDENTS = ("hypothesis-only", "constant")


def pairs(config: Config) -> list[tuple[str, str]]:
    """Return the titles of the pairs of models that a claim of the run rests on."""
    titles = [student.title for student in main_students(config).values()]
    of_controls = [(title, control) for title in titles for control in CONTROLS_OF_STUDENTS]
    of_students = [(titles[0], other) for other in titles[1:]]
    of_views = [
        (student.title, view_title(config, name, view))
        for name, student in main_students(config).items()
        for view in VIEWS
    ]
    return [*of_controls, *of_students, *of_views, *_pairs_of_teachers(config, titles)]


def _pairs_of_teachers(config: Config, titles: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each teacher's aggregations with its first, and students with its last."""
    for name, teacher in teachers(config).items():
        labels = [f"{teacher.title}, {label}" for label in label_names(config, name)]
        yield from ((other, labels[0]) for other in labels[1:])
        yield from ((title, last) for title in titles for last in labels[-1:])


def first_student(config: Config) -> str:
    """Return the title of the student that all other models are tested against; ``none`` where there is none."""
    return next((student.title for student in main_students(config).values()), "none")


def competitors(config: Config) -> Mapping[str, list[str]]:
    """Return the predictions of all that are tested, by title; that one differs from the oracle needs no test."""
    return {entry.title: list(entry.files) for entry in models(config) if entry.role != "oracle"}
