"""Subcommands that make, train and ask models of our own."""

import argparse
from pathlib import Path
from typing import Any

from umui.commands.arguments import file, files, items_and_shard, settings, stage, workers
from umui.config.models import Media, Tiny
from umui.config.run import Config
from umui.config.students import Student


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(stages, "make-model", "Train a tiny model from random weights on the lessons.")
    settings(parser, Tiny)
    parser.add_argument("--prompt", required=True, help="template of the judgments' prompt")
    parser.add_argument("--media-settings", type=Media.model_validate_json, required=True)
    files(parser, "--items", "items tables")
    files(parser, "--lessons", "lessons tables")
    parser.add_argument("--evidence", type=Path, nargs="*", required=True, help="evidence tables, all shards")
    file(parser, "--output", "the model's directory, written")
    workers(parser)

    parser = stage(stages, "lock-models", "Write the commits of the models' hub names.")
    settings(parser, Config)
    file(parser, "--lock", "an overlay of the configuration, written")

    parser = stage(stages, "train-student", "Train a student; each of its ranks runs this.")
    settings(parser, Student)
    parser.add_argument("--media-settings", type=Media.model_validate_json, required=True)
    parser.add_argument("--base", required=True, help="the base model's directory or hub name")
    parser.add_argument("--revision", default=None, help="commit of a hub model")
    files(parser, "--items", "items tables")
    parser.add_argument("--evidence", type=Path, nargs="*", required=True, help="evidence tables, all shards")
    parser.add_argument(
        "--labels",
        action="append",
        nargs="+",
        default=[],
        metavar=("DATASET", "FILE"),
        help="the labels of a dataset's items; repeated",
    )
    file(parser, "--checkpoints", "directory of checkpoints, kept between runs")
    file(parser, "--output", "the student's directory, written")
    _features(parser)
    workers(parser)

    parser = stage(stages, "predict", "Predict one shard with a student.")
    settings(parser, Student)
    parser.add_argument("--media-settings", type=Media.model_validate_json, required=True)
    parser.add_argument("--base", required=True, help="the base model's directory or hub name")
    parser.add_argument("--revision", default=None, help="commit of a hub model")
    file(parser, "--student", "the student's directory")
    parser.add_argument(
        "--view",
        dest="views",
        action="append",
        nargs=3,
        required=True,
        metavar=("VIEW", "NAME", "FILE"),
        help="full, or frames or sound: of audiovisual premises only, with the other stream withheld; "
        "the model's name in the table; the predictions table, written; repeated",
    )
    parser.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    items_and_shard(parser)
    file(parser, "--evidence", "evidence table of the shard")
    _features(parser)
    workers(parser)


def _features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--features", type=Path, default=None, help="directory of features that are kept between runs")
    parser.add_argument("--features-mb", type=int, default=0, help="most megabytes of them; 0 keeps none")
