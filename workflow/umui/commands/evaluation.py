"""Subcommands that turn predictions into figures."""

from pathlib import Path
from typing import Any

from umui.commands.arguments import file, files, named_tables, parameters, settings, stage
from umui.config.evaluation import Evaluation


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages,
        "control",
        "Predict with a control, which never sees the premise, or the oracle.",
    )
    settings(parser, Evaluation)
    parser.add_argument("--kind", choices=["constant", "majority", "hypothesis-only", "oracle"], required=True)
    files(parser, "--items", "items tables")
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="*",
        default=[],
        help="the labels that students learn from; a dataset without any is learned from its own probabilities",
    )
    parser.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    file(parser, "--predictions", "predictions table, written")

    parser = stage(
        stages,
        "control-table",
        "Judge controls that learn from a dataset's own labels.",
    )
    settings(parser, Evaluation)
    files(parser, "--items", "items tables")
    file(parser, "--csv", "their figures, written")

    parser = stage(
        stages,
        "leakage",
        "Count what the training and the evaluated splits have in common.",
    )
    files(parser, "--items", "items tables")
    parser.add_argument("--splits", nargs="+", required=True, help="the evaluated splits")
    file(parser, "--csv", "the counts, written")

    parser = stage(
        stages,
        "labels-as-predictions",
        "Turn a teacher's labels into predictions.",
    )
    parser.add_argument("--name", required=True, help="the model's name in the table")
    files(parser, "--items", "items tables")
    files(parser, "--labels", "labels tables, all shards")
    parser.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    file(parser, "--predictions", "predictions table, written")

    for name, summary in (
        ("evaluate", "Compute a model's metrics with their intervals."),
        (
            "evaluate-scaled",
            "The same after temperature scaling, fitted on the configuration's evaluation.calibration_split.",
        ),
    ):
        parser = stage(stages, name, summary)
        settings(parser, Evaluation)
        parser.add_argument("--model", required=True, help="its name in the tables")
        parser.add_argument("--role", choices=["student", "teacher", "baseline", "control", "oracle"], required=True)
        parser.add_argument(
            "--model-directory",
            dest="parameters",
            type=parameters,
            nargs="?",
            default=None,
            help="where parameters.json says the model's size; nothing for a model without one",
        )
        files(parser, "--items", "items tables")
        files(parser, "--predictions", "predictions tables, all shards")
        file(parser, "--metrics", "metrics table, written")

    parser = stage(
        stages,
        "compare",
        "Compare pairs of models on the same items and resamples.",
    )
    settings(parser, Evaluation)
    files(parser, "--items", "items tables")
    named_tables(parser, "--predictions", "the predictions tables of a model", required=True)
    parser.add_argument(
        "--pair",
        dest="pairs",
        action="append",
        nargs=2,
        required=True,
        metavar=("A", "B"),
        help="names of two models: A - B and A / B are written; repeated",
    )
    file(parser, "--csv", "the comparisons, written")

    parser = stage(
        stages,
        "impact",
        "Say how far another teacher's labels are from the old one's, and which figures moved.",
    )
    settings(parser, Evaluation)
    files(parser, "--items", "items tables")
    named_tables(parser, "--old-labels", "the old teacher's labels tables of an aggregation", required=True)
    named_tables(parser, "--new-labels", "the new teacher's labels tables of the same aggregations", required=True)
    named_tables(parser, "--predictions", "the predictions tables of a model", required=True)
    parser.add_argument(
        "--pair",
        dest="pairs",
        action="append",
        nargs=2,
        required=True,
        metavar=("NEW", "OLD"),
        help="names of two models that differ in the teacher alone: NEW - OLD is written; repeated",
    )
    file(parser, "--moves", "a row an aggregation and item, written")
    file(parser, "--labels", "how far labels moved, by modality, written")
    file(parser, "--metrics", "how figures moved, written")

    parser = stage(
        stages,
        "differences",
        "Test one model against all others, adjusted for their number.",
    )
    settings(parser, Evaluation)
    parser.add_argument("--first", required=True, help="name of the model that the others are compared with")
    files(parser, "--items", "items tables")
    named_tables(parser, "--predictions", "the predictions tables of a model", required=True)
    file(parser, "--csv", "the differences, written")

    for name, summary, rows in (
        (
            "reliability",
            "Compute reliability diagrams: numbers, no drawing.",
            "one row a bin",
        ),
        (
            "agreement",
            "Compare annotators and models, pair by pair: no drawing.",
            "a row a pair and statistic",
        ),
        (
            "distributions",
            "Count the probabilities of people and models: no drawing.",
            "a row a bin",
        ),
    ):
        parser = stage(stages, name, summary)
        settings(parser, Evaluation)
        files(parser, "--items", "items tables")
        named_tables(parser, "--predictions", "the predictions tables of a model")
        file(parser, "--csv", f"{rows}, written")
