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

    parser = stage(
        stages,
        "download",
        "umui.datasets.downloading:download",
        "Fetch a data set's published files.",
    )
    parser.add_argument("--downloads", type=Path, required=True, help="data/downloads.yaml: addresses and digests")
    parser.add_argument("--name", required=True, help="its entry there")
    parser.add_argument("--lock", type=Path, required=True, help="sha256 of what each address gave, kept and checked")
    parser.add_argument("--receipt", type=Path, required=True, help="what there is, written when all of it is there")
