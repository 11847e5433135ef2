"""The whole configuration of a run, as it was after every overlay, beside its results."""

from pathlib import Path
from typing import Annotated

import yaml as pyyaml

from umui.config.run import Config
from umui.files.atomic import write_text


def run_config(settings: Config, yaml: Annotated[Path, "the configuration, written"]) -> None:
    """Write the checked configuration of a run beside its results.

    It is YAML, which ``--configfile`` reads again.
    """
    write_text(yaml, pyyaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
