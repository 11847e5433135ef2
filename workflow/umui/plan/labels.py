"""Which labels there are: each judge's votes under each aggregation that it has votes enough for."""

from collections.abc import Mapping

from umui.config.judges import ImportedTeacher, Judge
from umui.config.run import Config


def teachers(config: Config) -> Mapping[str, Judge | ImportedTeacher]:
    """Return the teachers by name: those that are asked, then those whose votes are published."""
    return {**config.teachers, **config.imported_teachers}


def labels_file(judge: str, label: str) -> str:
    """Return the labels table of a judge and an aggregation."""
    return f"results/labels/{judge}/{label}.parquet"


def label_names(config: Config, judge: str) -> list[str]:
    """Return the aggregations that a judge has votes enough for; a baseline's answer is what it said, once."""
    votes = config.votes[judge]
    return [name for name, label in config.labels.items() if label.votes <= votes]


def all_labels(config: Config) -> Mapping[str, list[str]]:
    """Return every labels table, by its judge and aggregation."""
    return {
        f"{judge}, {label}": [labels_file(judge, label)]
        for judge in config.votes
        for label in label_names(config, judge)
    }


def training_labels(config: Config, student: str) -> Mapping[str, list[str]]:
    """Return the labels that a student learns from, by data set; none where these are the data set's own."""
    return {
        dataset: [labels_file(source.teacher, source.label)]
        for dataset, source in config.students[student].sources.items()
        if source.teacher is not None and source.label is not None
    }


def learned_labels(config: Config) -> list[str]:
    """Return all labels that some student learns from, sorted."""
    return sorted(
        {file for student in config.students for files in training_labels(config, student).values() for file in files}
    )
