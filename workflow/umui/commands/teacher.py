"""Subcommands that ask models, and turn votes into labels."""

from pathlib import Path
from typing import Any

from umui import config
from umui.commands.arguments import settings, stage, workers


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages, "ask", "umui.teacher.asking:ask_shards", "Ask a teacher or a baseline for the votes of some shards."
    )
    settings(parser, config.Judge)
    parser.add_argument("--judge", required=True, help="its name in the configuration")
    parser.add_argument("--model", required=True, help="the model's directory or hub name")
    parser.add_argument("--revision", default=None, help="commit of a hub model")
    parser.add_argument("--media-settings", type=config.Media.model_validate_json, required=True)
    parser.add_argument("--items", type=Path, nargs="+", required=True, help="items tables of all datasets")
    parser.add_argument("--chosen", type=int, nargs="+", required=True, help="which shards, counted from 0")
    parser.add_argument("--shards", type=int, required=True, help="how many shards there are")
    parser.add_argument("--evidence", type=Path, nargs="+", required=True, help="the chosen shards' evidence tables")
    parser.add_argument("--journal", type=Path, required=True, help="directory where votes are kept as they arrive")
    parser.add_argument("--votes", type=Path, required=True, help="votes table, written")
    parser.add_argument("--timings", type=Path, required=True, help="timings table, written")
    parser.add_argument("--usage", type=Path, required=True, help="the server's counts of tokens as JSON, written")
    parser.add_argument("--server-log", type=Path, required=True, help="the server's own output, written")
    parser.add_argument("--gpus", type=int, default=0, help="of the job: copies of the model are spread over them")
    workers(parser)

    parser = stage(
        stages, "import-votes", "umui.teacher.published_votes:import_votes", "Read a teacher's published votes."
    )
    settings(parser, config.ImportedTeacher)
    parser.add_argument("--teacher", required=True, help="its name in the configuration")
    parser.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    parser.add_argument("--votes", type=Path, required=True, help="votes table, written")
    parser.add_argument("--left-out", type=Path, required=True, help="CSV of rows and items without a match, written")

    parser = stage(stages, "aggregate", "umui.teacher.aggregation:aggregate_votes", "Turn a judge's votes into labels.")
    settings(parser, config.Label)
    parser.add_argument("--votes", type=Path, nargs="+", required=True, help="votes tables, all pieces")
    parser.add_argument("--labels", type=Path, required=True, help="labels table, written")
