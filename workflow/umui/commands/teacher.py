"""Subcommands that ask models, and turn votes into labels."""

from typing import Any

from umui.commands.arguments import file, files, settings, settings_in_parts, stage, workers
from umui.config.judges import ImportedTeacher, Judge, Label
from umui.config.models import Media


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(stages, "ask", "Ask a teacher or a baseline for the votes of some shards.")
    settings_in_parts(parser, Judge, "--circumstances", "its fields that no answer depends on, as JSON")
    parser.add_argument("--judge", required=True, help="its name in the configuration")
    parser.add_argument("--model", required=True, help="the model's directory or hub name")
    parser.add_argument("--revision", default=None, help="commit of a hub model")
    parser.add_argument("--media-settings", type=Media.model_validate_json, required=True)
    files(parser, "--items", "items tables of all datasets")
    parser.add_argument("--chosen", type=int, nargs="+", required=True, help="which shards, counted from 0")
    parser.add_argument("--shards", type=int, required=True, help="how many shards there are")
    files(parser, "--evidence", "the chosen shards' evidence tables")
    file(parser, "--journal", "directory where votes are kept as they arrive")
    file(parser, "--votes", "votes table, written")
    file(parser, "--timings", "timings table, written")
    file(parser, "--usage", "the server's counts of tokens as JSON, written")
    file(parser, "--server-log", "the server's own output, written")
    parser.add_argument("--gpus", type=int, default=0, help="of the job: copies of the model are spread over them")
    workers(parser)

    parser = stage(stages, "import-votes", "Read a teacher's published votes.")
    settings(parser, ImportedTeacher)
    parser.add_argument("--teacher", required=True, help="its name in the configuration")
    files(parser, "--items", "items tables")
    file(parser, "--votes", "votes table, written")
    file(parser, "--left-out", "CSV of rows and items without a match, written")

    parser = stage(stages, "aggregate", "Turn a judge's votes into labels.")
    settings(parser, Label)
    files(parser, "--votes", "votes tables, all pieces")
    file(parser, "--labels", "labels table, written")
