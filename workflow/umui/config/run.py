"""The configuration's model: what config.yaml and its overlays may say.

Every value that changes a result stands in config.yaml; nothing scientific has a default here.
Unknown keys are errors.  In the named maps (models, teachers, ...) an overlay removes an entry by setting it to null.
Beside this module, datasets.py has the data sets, judges.py what is asked, students.py what is trained, evaluation.py
the figures, and loading.py the reading and the errors.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from umui.config.base import Count, Named, Positive, Settings
from umui.config.datasets import Dataset
from umui.config.evaluation import Evaluation
from umui.config.judges import ImportedTeacher, Judge, Label
from umui.config.models import Media, Model
from umui.config.students import Student, TrainingSource
from umui.tables import Modality


class Costs(Settings):
    """What the forecast of a run's cost assumes; it changes no result."""

    media_s: Positive = Field(description="typical length of a medium")
    tokens_a_frame: Positive = Field(description="of the model's prompt")
    sound_tokens_per_s: Positive
    completion_tokens: Count = Field(description="of a typical answer, reasoning included")
    prompt_tokens_per_s: Positive | None = Field(description="that one GPU reads; null: not measured, no hours")
    completion_tokens_per_s: Positive | None = Field(description="that one GPU writes")
    training_tokens_per_s: Positive | None = Field(description="that one GPU trains on")


class Environments(Settings):
    """The lock file, in envs/, of each family of stages."""

    student: str
    teacher: str


def _checked_place(value: str) -> str:
    if "://" in value and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^?#@]*)?", value):
        raise ValueError("give a directory, or s3://BUCKET/PREFIX; credentials come from the environment alone")
    return value


class Config(Settings):
    """The whole configuration; fields that a run does not record are excluded from its JSON."""

    shards: Annotated[int, Field(ge=1, le=4096)] = Field(description="pieces of the work on media, votes, predictions")
    environments: Environments
    datasets: Named[Dataset]
    media: Media
    families: Named[list[Modality]] = Field(description="the modalities that models of each family may be shown")
    models: Named[Model]
    teachers: Named[Judge]
    baselines: Named[Judge]
    imported_teachers: Named[ImportedTeacher]
    labels: Named[Label]
    students: Named[Student]
    ablations: list[str] = Field(description="students of table 4 and figures 5 and 6 alone, and of no other")
    evaluation: Evaluation
    costs: Costs
    store: Annotated[str, AfterValidator(_checked_place)] | None = Field(
        default=None, exclude=True, description="where clones share results: a directory, or s3://BUCKET/PREFIX"
    )
    store_access: Literal["read", "write"] = Field(
        default="write", exclude=True, description="read: results are taken, and none are stored"
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if not self.datasets:
            raise ValueError("datasets: give at least one")
        names = [*self.teachers, *self.baselines, *self.imported_teachers]
        if shared := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{shared}: the names of teachers, baselines and imported_teachers must differ")
        entries: dict[str, Mapping[str, object]] = {
            section: getattr(self, section) for section in ("families", "models", "datasets", "labels", "students")
        }
        entries["teachers"] = {**self.teachers, **self.imported_teachers}
        for where, name, section in self._references():
            if name not in entries[section]:
                known = ", ".join(sorted(entries[section])) or "there are none"
                raise ValueError(f"{where}: {name!r} is not among the {section}: {known}")
        return self

    def _references(self) -> Iterator[tuple[str, str, str]]:
        """Yield each name that stands for an entry of another section: where it stands, the name, the section."""
        for name, model in self.models.items():
            yield f"models.{name}.family", model.family, "families"
        for where, judge in self._judges():
            yield f"{where}.model", judge.model, "models"
            yield from ((f"{where}.datasets.{dataset}", dataset, "datasets") for dataset in judge.datasets)
        for name, teacher in self.imported_teachers.items():
            yield f"imported_teachers.{name}.dataset", teacher.dataset, "datasets"
        for name, student in self.students.items():
            yield f"students.{name}.base", student.base, "models"
        for where, dataset, source in self._sources():
            yield where, dataset, "datasets"
            if source.teacher is not None:
                yield f"{where}.teacher", source.teacher, "teachers"
            if source.label is not None:
                yield f"{where}.label", source.label, "labels"
        yield from (("ablations", name, "students") for name in self.ablations)

    def _judges(self) -> Iterator[tuple[str, Judge]]:
        for kind, judges in (("teachers", self.teachers), ("baselines", self.baselines)):
            yield from ((f"{kind}.{name}", judge) for name, judge in judges.items())

    def _sources(self) -> Iterator[tuple[str, str, TrainingSource]]:
        for name, student in self.students.items():
            for dataset, source in student.sources.items():
                yield f"students.{name}.sources.{dataset}", dataset, source

    @model_validator(mode="after")
    def _judges_are_asked_what_they_can_be_shown(self) -> Self:
        for where, judge in self._judges():
            if judge.jobs > self.shards:
                raise ValueError(f"{where}.jobs: {judge.jobs} is more than the {self.shards} shards")
            family = self.models[judge.model].family
            for dataset, modalities in judge.datasets.items():
                if unseen := ", ".join(sorted(set(modalities) - set(self.families[family]))):
                    raise ValueError(f"{where}.datasets.{dataset}: {unseen}: not what families.{family} may be shown")
        return self

    @model_validator(mode="after")
    def _students_have_labels(self) -> Self:
        for where, dataset, source in self._sources():
            if (source.teacher is None) != (source.label is None):
                raise ValueError(f"{where}: `teacher` and `label` go together; null both for the dataset's own")
            if source.teacher is None or source.label is None:
                continue
            wanted, judge = self.labels[source.label].votes, self.teachers.get(source.teacher)
            if judge is not None and judge.read is not None and wanted > 1:
                raise ValueError(
                    f"{where}.label: {source.label}, but {source.teacher} is read, once; take a label of 1 vote"
                )
            if (imported := self.imported_teachers.get(source.teacher)) is not None:
                _check_imported(where, dataset, source, imported, wanted)
        if self.students and set(self.ablations) == set(self.students):
            raise ValueError("ablations: leave out at least one student, which these are compared with")
        return self

    @model_validator(mode="after")
    def _labels_have_votes(self) -> Self:
        for name, label in self.labels.items():
            if label.min_parsed > label.votes:
                raise ValueError(f"labels.{name}.min_parsed: {label.min_parsed} is more than its {label.votes} votes")
            for teacher, judge in self.teachers.items():
                if judge.read is None and label.votes > judge.sampling.votes:
                    raise ValueError(
                        f"labels.{name}.votes: {label.votes}, but teachers.{teacher}.sampling.votes is "
                        f"{judge.sampling.votes}; raise the latter (only the missing votes are then asked for)"
                    )
        return self

    @property
    def judges(self) -> dict[str, Judge]:
        """Return all models that are asked through a server: the teachers, then the baselines."""
        return {**self.teachers, **self.baselines}

    @property
    def votes(self) -> dict[str, int]:
        """Return how many votes on an item there are of each judge and imported teacher."""
        asked = {name: judge.sampling.votes for name, judge in self.judges.items()}
        return asked | {name: teacher.votes for name, teacher in self.imported_teachers.items()}


def _check_imported(where: str, dataset: str, source: TrainingSource, teacher: ImportedTeacher, wanted: int) -> None:
    """Raise ValueError when an imported teacher lacks what a student is to learn from it: `wanted` votes an item."""
    if teacher.dataset != dataset:
        raise ValueError(f"{where}.teacher: {source.teacher} has votes on {teacher.dataset} alone")
    if unseen := set(source.modalities) - set(teacher.modalities):
        raise ValueError(f"{where}.modalities: {source.teacher} has no votes on {sorted(unseen)}")
    if teacher.votes < wanted:
        raise ValueError(
            f"{where}.label: {source.label} takes {wanted} votes, imported_teachers.{source.teacher} has "
            f"{teacher.votes}; choose a label of fewer votes"
        )


if __name__ == "__main__":
    print(json.dumps(Config.model_json_schema(), indent=1))
