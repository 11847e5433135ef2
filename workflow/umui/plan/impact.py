"""What is compared when a new teacher stands beside an old one: labels, and students that differ in these alone."""

from typing import Any

from umui.config.run import Config
from umui.plan.entries import Entry, entries
from umui.plan.labels import label_names, labels_file


def labels_in_common(config: Config, old: str, new: str) -> list[str]:
    """Return the aggregations that two teachers both have votes enough for.

    Raises ValueError where there is none.
    """
    names = [name for name in label_names(config, old) if name in label_names(config, new)]
    if not names:
        raise ValueError(f"results/impact/{old}-{new}: no entry of `labels` that both have votes enough for")
    return names


def labels_of_both(config: Config, old: str, new: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the old teacher's labels, and the new one's, by the aggregations that both have."""
    names = labels_in_common(config, old, new)
    return {name: [labels_file(old, name)] for name in names}, {name: [labels_file(new, name)] for name in names}


def impact_pairs(config: Config, old: str, new: str) -> list[tuple[Entry, Entry]]:
    """Return the entries of the old and the new teacher's labels, and of students that differ in these two alone."""
    found = {(entry.role, entry.name, entry.label): entry for entry in entries(config)}
    of_labels = [
        (found["teacher", old, label], found["teacher", new, label]) for label in labels_in_common(config, old, new)
    ]
    of_students = [
        (found["student", a, None], found["student", b, None])
        for a in config.students
        for b in config.students
        if _learns_from(config, a, old, new)
        and _learns_from(config, b, new, old)
        and _but_for_the_teacher(config, a, {old, new}) == _but_for_the_teacher(config, b, {old, new})
    ]
    return of_labels + of_students


def impact_files(config: Config, old: str, new: str) -> dict[str, list[str]]:
    """Return the predictions of all these models, by title."""
    return {entry.title: list(entry.files) for pair in impact_pairs(config, old, new) for entry in pair}


def impact_titles(config: Config, old: str, new: str) -> list[tuple[str, str]]:
    """Return the titles of the pairs, the new one first."""
    return [(after.title, before.title) for before, after in impact_pairs(config, old, new)]


def _learns_from(config: Config, student: str, teacher: str, other: str) -> bool:
    teachers = {source.teacher for source in config.students[student].sources.values()}
    return teacher in teachers and (other not in teachers or other == teacher)


def _but_for_the_teacher(config: Config, student: str, either: set[str]) -> dict[str, Any]:
    settings = config.students[student].model_dump(mode="json", exclude={"title"})
    for source in settings["sources"].values():
        source["teacher"] = "either" if source["teacher"] in either else source["teacher"]
    return settings
