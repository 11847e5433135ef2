"""The lock of models, with a hub of our own in the place of the real one."""

from pathlib import Path

import pytest
import yaml

from umui.backbone import omni
from umui.config.loading import load
from umui.models.revisions import lock_models

DEFAULT = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())


def test_hub_names_are_locked_to_a_commit_and_directories_are_not(tmp_path: Path) -> None:
    pinned = "b" * 40
    DEFAULT["models"] |= {
        "moving": {"family": "qwen2_5_omni", "path": "someone/moving"},
        "pinned": {"family": "qwen2_5_omni", "path": "someone/pinned", "revision": pinned},
        "here": {"family": "qwen2_5_omni", "path": str(tmp_path)},
    }
    lock_models(load(DEFAULT), tmp_path / "lock.yaml", commit_of={"someone/moving": "a" * 40}.__getitem__)
    locked = yaml.safe_load((tmp_path / "lock.yaml").read_text())["models"]
    assert locked == {"moving": {"revision": "a" * 40}, "pinned": {"revision": pinned}}


def test_a_hub_name_without_its_commit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"someone/moving.*models\.lock\.yaml"):
        omni.resolve("someone/moving", None)
