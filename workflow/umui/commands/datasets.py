"""Subcommands that turn data sets into items."""

from typing import Any

from umui.commands.arguments import file, settings, stage, workers
from umui.config.datasets import Urn, dataset_from_json


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(stages, "build-urn", "Write the urn world: items, lessons and media files.")
    settings(parser, Urn)
    parser.add_argument("--dataset", required=True, help="its name in the configuration")
    file(parser, "--media-directory", "where the mp4 and wav files go")
    file(parser, "--items", "items table, written")
    file(parser, "--lessons", "lessons table, written")
    workers(parser)

    parser = stage(stages, "import-items", "Turn a data set's own files into items.")
    parser.add_argument(
        "--settings",
        type=dataset_from_json,
        required=True,
        metavar="JSON",
        help="an entry of the configuration's datasets as JSON; its `kind` says how the files are read",
    )
    parser.add_argument("--dataset", required=True, help="its name in the configuration")
    file(parser, "--items", "items table, written")
    file(parser, "--left-out", "table of the rows that became no item, written")
    workers(parser)

    parser = stage(
        stages,
        "download",
        "Fetch a data set's published files.",
    )
    file(parser, "--downloads", "data/downloads.yaml: addresses and digests")
    parser.add_argument("--name", required=True, help="its entry there")
    file(parser, "--lock", "sha256 of what each address gave, kept and checked")
    file(parser, "--receipt", "what there is, written when all of it is there")
