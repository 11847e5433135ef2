"""What all sections of the configuration's model are made of."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Title = Annotated[
    str,
    Field(
        pattern=r"^[\w ,.:;()+/-]+$",
        description="its name in tables: letters, digits, blanks and some marks, no quotes",
    ),
]
Fields = Mapping[str, Any]  # the names of fields, each with those within it, or True for all of it
T = TypeVar("T")


class Settings(BaseModel):
    """A frozen section of the configuration; keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def as_json(self, include: Fields | None = None, exclude: Fields | None = None) -> str:
        """Return the section, or some of its fields, as one line of JSON: a rule's parameter and a stage's argument."""
        return json.dumps(self.model_dump(mode="json", include=include, exclude=exclude), sort_keys=True)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: entry for name, entry in value.items() if entry is not None}
    return value


def _checked_names(value: dict[str, T]) -> dict[str, T]:
    for name in value:
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name!r} must match {NAME.pattern}, since it becomes part of file names")
    return value


def _checked_distinct(value: list[T]) -> list[T]:
    repeated = sorted({str(entry) for entry in value if value.count(entry) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: give each once")
    return value


Distinct = AfterValidator(_checked_distinct)
Named = Annotated[dict[str, T], BeforeValidator(_without_nulls), AfterValidator(_checked_names)]
