"""The configuration's model: what config.yaml and its overlays may say.

Every value that changes a result stands in config.yaml; nothing scientific has a default here.
Unknown keys are errors.  In the named maps (models, teachers, ...) an overlay removes an entry by setting it to null.
config_datasets.py has the data sets, config_judges.py what is asked, config_students.py what is trained, and
config_loading.py the reading and the errors.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from umui.config.base import Count, Named, Positive, Settings
from umui.config.datasets import Dataset
from umui.config.evaluation import Evaluation
from umui.config.judges import ImportedTeacher, Judge, Label
from umui.config.models import Media, Model
from umui.config.students import Student
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
    """All of it; what is no part of a run's record is excluded from its JSON."""

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
    def _references(self) -> Self:
        datasets = self.datasets
        if not datasets:
            raise ValueError("datasets: give at least one")
        names = [*self.teachers, *self.baselines, *self.imported_teachers]
        if shared := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{shared}: the names of teachers, baselines and imported_teachers must differ")
        for name, model in self.models.items():
            _known(model.family, self.families, f"models.{name}.family", "families")
        for kind in ("teachers", "baselines"):
            for name, judge in getattr(self, kind).items():
                _known(judge.model, self.models, f"{kind}.{name}.model", "models")
                if judge.jobs > self.shards:
                    raise ValueError(f"{kind}.{name}.jobs: {judge.jobs} is more than the {self.shards} shards")
                for dataset, modalities in judge.datasets.items():
                    where = f"{kind}.{name}.datasets.{dataset}"
                    _known(dataset, datasets, where, "datasets")
                    family = self.models[judge.model].family
                    if unseen := set(modalities) - set(self.families[family]):
                        raise ValueError(
                            f"{where}: {', '.join(sorted(unseen))}: not what families.{family} may be shown"
                        )
        for name, student in self.students.items():
            _known(student.base, self.models, f"students.{name}.base", "models")
            for dataset, source in student.sources.items():
                where = f"students.{name}.sources.{dataset}"
                _known(dataset, datasets, where, "datasets")
                if (source.teacher is None) != (source.label is None):
                    raise ValueError(f"{where}: `teacher` and `label` go together; null both for the dataset's own")
                if source.teacher is not None and source.label is not None:
                    _known(source.teacher, {**self.teachers, **self.imported_teachers}, f"{where}.teacher", "teachers")
                    _known(source.label, self.labels, f"{where}.label", "labels")
                    judge = self.teachers.get(source.teacher)
                    if judge is not None and judge.read is not None and self.labels[source.label].votes > 1:
                        raise ValueError(
                            f"{where}.label: {source.label}, but {source.teacher} is read, once; take a label of 1 vote"
                        )
        for name in self.ablations:
            _known(name, self.students, "ablations", "students")
        if self.students and set(self.ablations) == set(self.students):
            raise ValueError("ablations: leave out at least one student, which these are compared with")
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

    @model_validator(mode="after")
    def _imported(self) -> Self:
        for name, teacher in self.imported_teachers.items():
            _known(teacher.dataset, self.datasets, f"imported_teachers.{name}.dataset", "datasets")
        for name, student in self.students.items():
            for dataset, source in student.sources.items():
                where = f"students.{name}.sources.{dataset}"
                imported = self.imported_teachers.get(source.teacher or "")
                if imported is None or source.label is None:
                    continue
                if imported.dataset != dataset:
                    raise ValueError(f"{where}.teacher: {source.teacher} has votes on {imported.dataset} alone")
                if unseen := set(source.modalities) - set(imported.modalities):
                    raise ValueError(f"{where}.modalities: {source.teacher} has no votes on {sorted(unseen)}")
                if imported.votes < (wanted := self.labels[source.label].votes):
                    raise ValueError(
                        f"{where}.label: {source.label} takes {wanted} votes, imported_teachers.{source.teacher} has "
                        f"{imported.votes}; choose a label of fewer votes"
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


def _known(name: str, entries: Mapping[str, object], where: str, kind: str) -> None:
    if name not in entries:
        raise ValueError(f"{where}: {name!r} is not among the {kind}: {', '.join(sorted(entries)) or 'there are none'}")


if __name__ == "__main__":
    print(json.dumps(Config.model_json_schema(), indent=1))
