"""Subcommand that turns media into evidence."""

from pathlib import Path
from typing import Any

from umui import config
from umui.commands.arguments import items_and_shard, settings, stage, workers


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages,
        "extract-evidence",
        "umui.media.extraction:extract_shard",
        "Probe one shard's media; extract frames and sound.",
    )
    settings(parser, config.Media)
    items_and_shard(parser)
    parser.add_argument("--media", type=Path, required=True, help="media table, written")
    parser.add_argument("--evidence", type=Path, required=True, help="evidence table, written")
    workers(parser)
