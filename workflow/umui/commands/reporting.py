"""Subcommands that lay figures out as tables, pictures and pages."""

import argparse
from pathlib import Path
from typing import Any

from umui.commands.arguments import figure, file, files, named_tables, settings, stage
from umui.config.evaluation import Evaluation
from umui.config.run import Config


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages,
        "reliability-figure",
        "Draw the reliability diagrams.",
    )
    file(parser, "--csv", "as written by the stage reliability")
    figure(parser)

    parser = stage(
        stages,
        "training-curves",
        "Summarise and draw loss and gradient norm of students.",
    )
    named_tables(parser, "--logs", "the training log of a student", required=True)
    _losses(parser)
    file(parser, "--csv", "the drawn means, written")
    figure(parser)

    parser = stage(
        stages,
        "agreement-figure",
        "Draw the agreement of annotators and models.",
    )
    file(parser, "--csv", "as written by the stage agreement")
    figure(parser)

    parser = stage(
        stages,
        "distributions-figure",
        "Draw the histograms of probabilities.",
    )
    file(parser, "--csv", "as written by the stage distributions")
    figure(parser)

    parser = stage(
        stages,
        "batching-curves",
        "Draw the training of students by their batching.",
    )
    named_tables(parser, "--logs", "the training log of a student", required=True)
    _losses(parser)
    file(parser, "--csv", "the drawn means, written")
    figure(parser)

    parser = stage(stages, "table", "Lay out the metrics of models as one of the paper's tables.")
    parser.add_argument("--table", required=True, help="its name, such as table3")
    settings(parser, Evaluation)
    files(parser, "--metrics", "metrics tables")
    parser.add_argument(
        "--negative-ratio",
        dest="negative_ratios",
        action="append",
        nargs=2,
        default=[],
        metavar=("NAME", "RATIO"),
        help="of Table 4: a student and its training negatives for one positive, or all; repeated",
    )
    file(parser, "--csv", "the figures, a row each, written")
    file(parser, "--markdown", "the same for readers, written")

    parser = stage(
        stages,
        "paper-comparison",
        "Lay a run's metrics beside the paper's figures.",
    )
    file(parser, "--published", "data/paper_results.csv")
    files(parser, "--metrics", "metrics tables")
    file(parser, "--csv", "a row a model and figure, written")
    file(parser, "--markdown", "the same for readers, written")

    parser = stage(
        stages,
        "paper-audit",
        "Calculate what the paper's figures can and cannot mean.",
    )
    file(parser, "--published", "data/paper_results.csv")
    file(parser, "--controls", "as written by control-table for Clotho")
    file(parser, "--markdown", "docs/paper-audit.md, written")

    parser = stage(
        stages,
        "hyperparameters",
        "Lay out the students' hyperparameters as Table 6.",
    )
    file(parser, "--run-config", "as written by the stage run-config")
    file(parser, "--csv", "a row a student and hyperparameter, written")
    file(parser, "--markdown", "the same for readers, written")

    parser = stage(stages, "coverage", "Count what was left out, where and why.")
    files(parser, "--items", "items tables")
    named_tables(parser, "--left-out", "the left_out table of a dataset")
    named_tables(parser, "--left-out-votes", "the left-out rows of an imported teacher, as CSV")
    parser.add_argument("--media", type=Path, nargs="*", required=True, help="media tables, all shards")
    named_tables(parser, "--votes", "the votes tables of a judge")
    named_tables(parser, "--labels", "the labels tables of a judge and aggregation")
    named_tables(parser, "--predictions", "the predictions tables of a model")
    file(parser, "--csv", "all counts, written")
    file(parser, "--markdown", "a summary, written")

    parser = stage(stages, "impact-page", "Lay out what another teacher changes.")
    parser.add_argument("--old", required=True, help="title of the old teacher")
    parser.add_argument("--new", required=True, help="title of the new teacher")
    file(parser, "--moves", "as written by the stage impact")
    file(parser, "--labels", "as written by the stage impact")
    file(parser, "--metrics", "as written by the stage impact")
    file(parser, "--markdown", "a page for readers, written")
    figure(parser)

    parser = stage(stages, "cost", "Forecast what the models of a run will be asked for.")
    settings(parser, Config)
    files(parser, "--items", "items tables")
    file(parser, "--csv", "the forecast, written")

    parser = stage(
        stages,
        "run-config",
        "Write the checked configuration of a run beside its results.",
    )
    settings(parser, Config)
    file(parser, "--yaml", "the configuration, written")

    parser = stage(stages, "usage", "Show what caching spared the servers.")
    named_tables(parser, "--usage", "the counts of a judge's jobs")
    file(parser, "--csv", "the counts, written")
    file(parser, "--markdown", "the page, written")


def _losses(parser: argparse.ArgumentParser) -> None:
    """Add what the loss of each student is."""
    parser.add_argument(
        "--loss",
        dest="losses",
        action="append",
        nargs=2,
        required=True,
        metavar=("NAME", "LABEL"),
        help="a student and what its loss is, with the unit; repeated",
    )
