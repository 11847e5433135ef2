"""Sections of the configuration by their paths, in which a rule's wildcards may stand."""

from collections.abc import Mapping
from typing import Any

from umui.config.base import Settings
from umui.config.run import Config


def section_of(config: Config, path: str, wildcards: Mapping[str, str]) -> Settings:
    """Return a section such as ``evaluation`` or ``models.{model}.tiny``; an empty path is the whole configuration."""
    value: Any = config
    for part in filter(None, path.split(".")):
        name = part.format(**wildcards)  # after the split, since names may have dots
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    assert isinstance(value, Settings), f"{path}: no section"
    return value
