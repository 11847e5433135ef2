"""The default configuration, with overlays of the repository and small changes laid over it."""

from pathlib import Path
from typing import Any

import yaml

from umui.config.loading import load, merged
from umui.config.run import Config

ROOT = Path(__file__).parents[3]


def configured(changes: dict[str, Any] | None = None, overlay: str | None = None) -> Config:
    """Check the default configuration under an overlay of configs/ and then `changes`."""
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    if overlay is not None:
        raw = merged(raw, yaml.safe_load((ROOT / "configs" / overlay).read_text()))
    return load(merged(raw, changes or {}))


OTHER_TEACHER = {"other": {"like": "tiny-teacher", "title": "other teacher", "sampling": {"seed": 1}}}
PUBLISHED = {
    "title": "published teacher", "dataset": "urn", "modalities": ["video"], "splits": ["train"],
    "files": ["it's here.json"], "form": "scalar", "thinking": True, "votes": 1,
}  # fmt: skip
