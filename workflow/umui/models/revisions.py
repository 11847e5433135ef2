"""The lock of models: the commit that each hub name stands for when it is first resolved.

The lock is an overlay of the configuration (``models: {NAME: {revision: COMMIT}}``): runs with it take those commits
and no others, whatever becomes of a branch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import yaml
from huggingface_hub import HfApi

from umui.config.run import Config
from umui.files.atomic import write_text

HEADER = "# The commits of the models' hub names.  Use it as a further --configfile; delete it to resolve them anew.\n"


def latest_commit(name: str) -> str:
    """Return the commit that a hub name's main branch is at."""
    return str(HfApi().model_info(name).sha)


def lock_models(
    settings: Config,
    lock: Annotated[Path, "an overlay of the configuration, written"],
    *,
    commit_of: Callable[[str], str] = latest_commit,
) -> None:
    """Write the commits of the models' hub names.

    A revision that the configuration has stays.
    """
    revisions = {
        name: {"revision": model.revision or commit_of(model.path)}
        for name, model in settings.models.items()
        if model.path is not None and not Path(model.path).is_dir()
    }
    write_text(lock, HEADER + yaml.safe_dump({"models": revisions}))
