"""Which tables there are, and which models each has.

The stage that lays a table out leaves out other roles than the table's own.
"""

from collections.abc import Callable, Iterator, Mapping

from umui.config.run import Config
from umui.plan.entries import Entry, entries, models
from umui.prompts.rendering import answer_form


def with_taught_teachers(config: Config) -> list[Entry]:
    """Return the models, without teachers that no student learns from, if some student learns from one."""
    sources = [source for student in config.students.values() for source in student.sources.values()]
    taught = {source.teacher for source in sources if source.teacher}
    return [entry for entry in models(config) if entry.role != "teacher" or not taught or entry.name in taught]


def with_probabilities(config: Config) -> list[Entry]:
    """Return the models, without those that were asked for yes or no, which is a class and no probability."""
    return [entry for entry in models(config) if not says_yes_or_no(config, entry)]


def says_yes_or_no(config: Config, entry: Entry) -> bool:
    """Say whether a model of the tables is a judge that was asked for yes or no."""
    judge = config.judges.get(entry.name) if entry.label else None
    return judge is not None and judge.read is None and answer_form(judge.prompt) == "binary"


TABLES: Mapping[str, Callable[[Config], list[Entry]]] = {
    "table1": with_taught_teachers,
    "table2": models,
    "table3": with_probabilities,
    "table3-graded": with_probabilities,
    "table4": entries,
    "table5": models,
    "table7": models,
    "table8": with_probabilities,
}
"""The models of each table that is laid out from metrics; table 6 shows the configuration."""

SCALED_ROLES = {"baseline", "control", "student"}  # that table 7 has after temperature scaling, too


def metrics_of(config: Config, table: str) -> list[str]:
    """Return the metrics files that a table is laid out from."""
    chosen = TABLES[table](config)
    scaled = [entry for entry in chosen if entry.role in SCALED_ROLES] if table == "table7" else []
    return [entry.metrics for entry in chosen] + [entry.scaled_metrics for entry in scaled]


def negative_ratios(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each student's title and its training negatives for one positive, or ``all``."""
    for student in config.students.values():
        ratio = student.training.negative_ratio
        yield student.title, f"{ratio:g}" if ratio else "all"
