"""Subcommands that turn data sets into items."""

from pathlib import Path
from typing import Any

from umui import config
from umui.commands.arguments import settings, stage, workers


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages, "build-urn", "umui.datasets.urn:build", "Write the urn world: items, lessons and media files."
    )
    settings(parser, config.Urn)
    parser.add_argument("--dataset", required=True, help="its name in the configuration")
    parser.add_argument("--media-directory", type=Path, required=True, help="where the mp4 and wav files go")
    parser.add_argument("--items", type=Path, required=True, help="items table, written")
    parser.add_argument("--lessons", type=Path, required=True, help="lessons table, written")
    workers(parser)

    parser = stage(
        stages, "import-items", "umui.datasets.importing:import_items", "Turn a data set's own files into items."
    )
    parser.add_argument(
        "--settings",
        type=config.dataset_from_json,
        required=True,
        metavar="JSON",
        help="an entry of the configuration's datasets as JSON; its `kind` says how the files are read",
    )
    parser.add_argument("--dataset", required=True, help="its name in the configuration")
    parser.add_argument("--items", type=Path, required=True, help="items table, written")
    parser.add_argument("--left-out", type=Path, required=True, help="table of the rows that became no item, written")
    workers(parser)
