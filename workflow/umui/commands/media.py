"""Subcommand that turns media into evidence."""

from typing import Any

from umui.commands.arguments import file, items_and_shard, settings, stage, workers
from umui.config.models import Media


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages,
        "extract-evidence",
        "Probe one shard's media; extract frames and sound.",
    )
    settings(parser, Media)
    items_and_shard(parser)
    file(parser, "--media", "media table, written")
    file(parser, "--evidence", "evidence table, written")
    workers(parser)
