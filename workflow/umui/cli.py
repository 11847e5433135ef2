"""The command line: one subcommand a stage; paths and settings in, one call, nothing else.

The workflow's rules call it; each stage imports its libraries only when it is asked for.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from umui import config
from umui.tables import MODALITIES

SCORE_EPILOG = """\
Example, from the repository's directory:
  PYTHONPATH=workflow $(python3.11 workflow/umui/environment.py --print-path envs/student.txt)/bin/python \\
    -m umui.cli score --model results/students/clue-d --video clip.mp4 --hypothesis 'The next ball is red.'

Printed are the hypothesis' probability, which is the mean of the predicted distribution over confidence bins from 0 to
1; the central 80 % interval of this distribution, from the first bin where the masses up to it reach 10 % to the first
where they reach 90 %; and the distribution itself.  The interval says how sure the model is of its number; it has not
been checked to hold any share of truths.  A student that answers in words (CLUE-T) has a probability alone.

What cannot be shown gets no probability.  A single clip at fault is an error, with the file, the fault and the remedy,
and exit code 1; in a manifest it is a row with a status, and the rest goes on.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; return the exit code.  An expected fault is one message on standard error and exit code 1."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    run: Callable[..., None] = chosen.pop("run")
    try:
        run(**chosen)
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        print(f"umui: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"umui: {error.name} is not in {sys.prefix}; each stage runs in the environment of its family: "
              "`python3.11 workflow/umui/environment.py --print-path envs/student.txt` names the student's",
              file=sys.stderr)  # fmt: skip
        return 1
    except OSError as error:
        print(f"umui: {error.filename or ''}: {error.strerror}; free space or mend the path, then run again; "
              "finished work is kept", file=sys.stderr)  # fmt: skip
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="umui", description="The stages of the workflow, one subcommand each.")
    stages = parser.add_subparsers(required=True, metavar="STAGE")

    stage = _stage(stages, "build-urn", _build_urn, "Write the urn world: items, lessons and media files.")
    _settings(stage, config.Urn)
    stage.add_argument("--dataset", required=True, help="its name in the configuration")
    stage.add_argument("--media-directory", type=Path, required=True, help="where the mp4 and wav files go")
    stage.add_argument("--items", type=Path, required=True, help="items table, written")
    stage.add_argument("--lessons", type=Path, required=True, help="lessons table, written")
    _workers(stage)

    stage = _stage(stages, "import-items", _import_items, "Turn a data set's own files into items.")
    stage.add_argument("--settings", type=config.dataset_from_json, required=True, metavar="JSON",
                       help="an entry of the configuration's datasets as JSON; its `kind` says how the files are read")  # fmt: skip
    stage.add_argument("--dataset", required=True, help="its name in the configuration")
    stage.add_argument("--items", type=Path, required=True, help="items table, written")
    stage.add_argument("--left-out", type=Path, required=True, help="table of the rows that became no item, written")
    _workers(stage)

    stage = _stage(stages, "extract-evidence", _extract_evidence, "Probe one shard's media; extract frames and sound.")
    _settings(stage, config.Media)
    _items_and_shard(stage)
    stage.add_argument("--media", type=Path, required=True, help="media table, written")
    stage.add_argument("--evidence", type=Path, required=True, help="evidence table, written")
    _workers(stage)

    stage = _stage(stages, "make-model", _make_model, "Train a tiny model from random weights on the lessons.")
    _settings(stage, config.Tiny)
    stage.add_argument("--prompt", required=True, help="template of the judgments' prompt")
    stage.add_argument("--media-settings", type=config.Media.model_validate_json, required=True)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--lessons", type=Path, nargs="+", required=True, help="lessons tables")
    stage.add_argument("--evidence", type=Path, nargs="*", required=True, help="evidence tables, all shards")
    stage.add_argument("--output", type=Path, required=True, help="the model's directory, written")
    _workers(stage)

    stage = _stage(stages, "lock-models", _lock_models, "Write the commits of the models' hub names.")
    _settings(stage, config.Config)
    stage.add_argument("--lock", type=Path, required=True, help="an overlay of the configuration, written")

    stage = _stage(stages, "ask", _ask, "Ask a teacher or a baseline for the votes of one shard.")
    _settings(stage, config.Judge)
    stage.add_argument("--judge", required=True, help="its name in the configuration")
    stage.add_argument("--model", required=True, help="the model's directory or hub name")
    stage.add_argument("--revision", default=None, help="commit of a hub model")
    stage.add_argument("--media-settings", type=config.Media.model_validate_json, required=True)
    _items_and_shard(stage)
    stage.add_argument("--evidence", type=Path, required=True, help="evidence table of the shard")
    stage.add_argument("--journal", type=Path, required=True, help="directory where votes are kept as they arrive")
    stage.add_argument("--votes", type=Path, required=True, help="votes table, written")
    stage.add_argument("--timings", type=Path, required=True, help="timings table, written")
    stage.add_argument("--server-log", type=Path, required=True, help="the server's own output, written")
    _workers(stage)

    stage = _stage(stages, "import-votes", _import_votes, "Read a teacher's published votes.")
    _settings(stage, config.ImportedTeacher)
    stage.add_argument("--teacher", required=True, help="its name in the configuration")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--votes", type=Path, nargs="+", required=True, help="votes tables of all shards, written")
    stage.add_argument("--left-out", type=Path, required=True, help="CSV of rows and items without a match, written")

    stage = _stage(stages, "aggregate", _aggregate, "Turn one shard's votes into labels.")
    _settings(stage, config.Label)
    stage.add_argument("--votes", type=Path, required=True, help="votes table")
    stage.add_argument("--labels", type=Path, required=True, help="labels table, written")

    stage = _stage(stages, "train-student", _train_student, "Train a student; run under the deepspeed launcher.")
    _settings(stage, config.Student)
    stage.add_argument("--media-settings", type=config.Media.model_validate_json, required=True)
    stage.add_argument("--base", required=True, help="the base model's directory or hub name")
    stage.add_argument("--revision", default=None, help="commit of a hub model")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--evidence", type=Path, nargs="*", required=True, help="evidence tables, all shards")
    stage.add_argument("--labels", action="append", nargs="+", default=[], metavar=("DATASET", "FILE"),
                       help="the labels of a dataset's items; repeated")  # fmt: skip
    stage.add_argument("--checkpoints", type=Path, required=True, help="directory of checkpoints, kept between runs")
    stage.add_argument("--output", type=Path, required=True, help="the student's directory, written")
    _workers(stage)

    stage = _stage(stages, "predict", _predict, "Predict one shard with a student.")
    _settings(stage, config.Student)
    stage.add_argument("--media-settings", type=config.Media.model_validate_json, required=True)
    stage.add_argument("--base", required=True, help="the base model's directory or hub name")
    stage.add_argument("--revision", default=None, help="commit of a hub model")
    stage.add_argument("--student", type=Path, required=True, help="the student's directory")
    stage.add_argument("--view", dest="views", action="append", nargs=3, required=True,
                       metavar=("VIEW", "NAME", "FILE"),
                       help="full, or frames or sound: of audiovisual premises only, with the other stream withheld; "
                            "the model's name in the table; the predictions table, written; repeated")  # fmt: skip
    stage.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    _items_and_shard(stage)
    stage.add_argument("--evidence", type=Path, required=True, help="evidence table of the shard")
    _workers(stage)

    stage = _stage(stages, "control", _control, "Predict with a control, which never sees the premise, or the oracle.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--kind", choices=["constant", "majority", "hypothesis-only", "oracle"], required=True)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--labels", type=Path, nargs="*", default=[],
                       help="the labels that students learn from; a dataset without any is learned from its own "
                            "probabilities")  # fmt: skip
    stage.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    stage.add_argument("--predictions", type=Path, required=True, help="predictions table, written")

    stage = _stage(stages, "control-table", _control_table, "Judge controls that learn from a dataset's own labels.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--csv", type=Path, required=True, help="their figures, written")

    stage = _stage(stages, "leakage", _leakage, "Count what the training and the evaluated splits have in common.")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--splits", nargs="+", required=True, help="the evaluated splits")
    stage.add_argument("--csv", type=Path, required=True, help="the counts, written")

    stage = _stage(stages, "labels-as-predictions", _labels_as_predictions, "Turn a teacher's labels into predictions.")
    stage.add_argument("--name", required=True, help="the model's name in the table")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--labels", type=Path, nargs="+", required=True, help="labels tables, all shards")
    stage.add_argument("--splits", nargs="+", required=True, help="which splits to predict")
    stage.add_argument("--predictions", type=Path, required=True, help="predictions table, written")

    stage = _stage(stages, "evaluate", _evaluate, "Compute a model's metrics with their intervals.")
    stage.add_argument("--scaled", action="store_true",
                       help="after temperature scaling, fitted on the configuration's evaluation.calibration_split")  # fmt: skip
    _settings(stage, config.Evaluation)
    stage.add_argument("--model", required=True, help="its name in the tables")
    stage.add_argument("--role", choices=["student", "teacher", "baseline", "control", "oracle"], required=True)
    stage.add_argument("--model-directory", dest="parameters", type=_parameters, nargs="?", default=None,
                       help="where parameters.json says the model's size; nothing for a model without one")  # fmt: skip
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--predictions", type=Path, nargs="+", required=True, help="predictions tables, all shards")
    stage.add_argument("--metrics", type=Path, required=True, help="metrics table, written")

    stage = _stage(stages, "compare", _compare, "Compare pairs of models on the same items and resamples.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--predictions", "the predictions tables of a model", required=True)
    stage.add_argument("--pair", dest="pairs", action="append", nargs=2, required=True, metavar=("A", "B"),
                       help="names of two models: A - B and A / B are written; repeated")  # fmt: skip
    stage.add_argument("--csv", type=Path, required=True, help="the comparisons, written")

    stage = _stage(stages, "differences", _differences, "Test one model against all others, adjusted for their number.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--first", required=True, help="name of the model that the others are compared with")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--predictions", "the predictions tables of a model", required=True)
    stage.add_argument("--csv", type=Path, required=True, help="the differences, written")

    stage = _stage(stages, "reliability", _reliability, "Compute reliability diagrams: numbers, no drawing.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--predictions", "the predictions tables of a model", required=True)
    stage.add_argument("--csv", type=Path, required=True, help="one row a bin, written")

    stage = _stage(stages, "reliability-figure", _reliability_figure, "Draw the reliability diagrams.")
    stage.add_argument("--csv", type=Path, required=True, help="as written by the stage reliability")
    _figure(stage)

    stage = _stage(
        stages, "training-curves", _training_curves, "Summarise and draw loss and gradient norm of students."
    )
    _named_tables(stage, "--logs", "the training log of a student", required=True)
    stage.add_argument("--csv", type=Path, required=True, help="the drawn means, written")
    _figure(stage)

    stage = _stage(stages, "agreement", _agreement, "Compare annotators and models, pair by pair: no drawing.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--predictions", "the predictions tables of a model")
    stage.add_argument("--csv", type=Path, required=True, help="a row a pair and statistic, written")

    stage = _stage(stages, "agreement-figure", _agreement_figure, "Draw the agreement of annotators and models.")
    stage.add_argument("--csv", type=Path, required=True, help="as written by the stage agreement")
    _figure(stage)

    stage = _stage(stages, "distributions", _distributions, "Count the probabilities of people and models: no drawing.")
    _settings(stage, config.Evaluation)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--predictions", "the predictions tables of a model")
    stage.add_argument("--csv", type=Path, required=True, help="a row a bin, written")

    stage = _stage(stages, "distributions-figure", _distributions_figure, "Draw the histograms of probabilities.")
    stage.add_argument("--csv", type=Path, required=True, help="as written by the stage distributions")
    _figure(stage)

    stage = _stage(stages, "batching-curves", _batching_curves, "Draw the training of students by their batching.")
    _named_tables(stage, "--logs", "the training log of a student", required=True)
    stage.add_argument("--csv", type=Path, required=True, help="the drawn means, written")
    _figure(stage)

    stage = _stage(stages, "table", _table, "Lay out the metrics of models as one of the paper's tables.")
    stage.add_argument("--table", required=True, help="its name, such as table3")
    _settings(stage, config.Evaluation)
    stage.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics tables")
    stage.add_argument("--negative-ratio", dest="negative_ratios", action="append", nargs=2, default=[],
                       metavar=("NAME", "RATIO"),
                       help="of Table 4: a student and its training negatives for one positive, or all; repeated")  # fmt: skip
    stage.add_argument("--csv", type=Path, required=True, help="the figures, a row each, written")
    stage.add_argument("--markdown", type=Path, required=True, help="the same for readers, written")

    stage = _stage(stages, "paper-comparison", _paper_comparison, "Lay a run's metrics beside the paper's figures.")
    stage.add_argument("--published", type=Path, required=True, help="data/paper_results.csv")
    stage.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics tables")
    stage.add_argument("--csv", type=Path, required=True, help="a row a model and figure, written")
    stage.add_argument("--markdown", type=Path, required=True, help="the same for readers, written")

    stage = _stage(stages, "paper-audit", _paper_audit, "Calculate what the paper's figures can and cannot mean.")
    stage.add_argument("--published", type=Path, required=True, help="data/paper_results.csv")
    stage.add_argument("--controls", type=Path, required=True, help="as written by control-table for Clotho")
    stage.add_argument("--markdown", type=Path, required=True, help="docs/paper-audit.md, written")

    stage = _stage(stages, "hyperparameters", _hyperparameters, "Lay out the students' hyperparameters as Table 6.")
    stage.add_argument("--run-config", type=Path, required=True, help="as written by the stage run-config")
    stage.add_argument("--csv", type=Path, required=True, help="a row a student and hyperparameter, written")
    stage.add_argument("--markdown", type=Path, required=True, help="the same for readers, written")

    stage = _stage(stages, "coverage", _coverage, "Count what was left out, where and why.")
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    _named_tables(stage, "--left-out", "the left_out table of a dataset")
    stage.add_argument("--media", type=Path, nargs="*", required=True, help="media tables, all shards")
    _named_tables(stage, "--votes", "the votes tables of a judge")
    _named_tables(stage, "--labels", "the labels tables of a judge and aggregation")
    _named_tables(stage, "--predictions", "the predictions tables of a model")
    stage.add_argument("--csv", type=Path, required=True, help="all counts, written")
    stage.add_argument("--markdown", type=Path, required=True, help="a summary, written")

    stage = _stage(stages, "cost", _cost, "Forecast what the models of a run will be asked for.")
    _settings(stage, config.Config)
    stage.add_argument("--items", type=Path, nargs="+", required=True, help="items tables")
    stage.add_argument("--csv", type=Path, required=True, help="the forecast, written")

    stage = _stage(stages, "run-config", _run_config, "Write the checked configuration of a run beside its results.")
    _settings(stage, config.Config)
    stage.add_argument("--yaml", type=Path, required=True, help="the configuration, written")

    stage = _stage(stages, "score", _score, "Ask a student how probable hypotheses are on a clip, a sound or a text.")
    stage.formatter_class = argparse.RawDescriptionHelpFormatter
    stage.epilog = SCORE_EPILOG
    stage.add_argument("--model", type=Path, required=True, help="the student's directory")
    stage.add_argument("--base", help="its base's directory or hub name (default: where it was in the training)")
    stage.add_argument("--video", type=Path, help="a clip; its sound is withheld, unless --modality audiovisual")
    stage.add_argument("--audio", type=Path, help="a recording, or a clip whose sound alone is to be heard")
    stage.add_argument("--text", help="a premise in words, alone or beside a clip or recording")
    stage.add_argument("--modality", choices=MODALITIES, help="what is shown (default: what is given)")
    stage.add_argument("--hypothesis", dest="hypotheses", action="append", default=[], metavar="SENTENCE",
                       help="a declarative sentence; repeated")  # fmt: skip
    stage.add_argument("--manifest", type=Path, metavar="FILE",
                       help="many rows instead: CSV, JSONL or Parquet; data/README.md has the columns")  # fmt: skip
    stage.add_argument("--prompt", type=Path, metavar="FILE",
                       help="of a published checkpoint: a template with the blocks system and user")  # fmt: skip
    stage.add_argument("--media-settings", type=config.Media.model_validate_json, metavar="JSON",
                       help="of a published checkpoint: the section `media` that its training had")  # fmt: skip
    stage.add_argument("--json", dest="as_json", action="store_true", help="one JSON object a line, for machines")
    stage.add_argument("--ffmpeg", metavar="PATH", help="an ffmpeg binary (default: the imageio-ffmpeg wheel's)")
    _workers(stage)

    stage = _stage(stages, "export", _export, "Merge a student into its base: a checkpoint for transformers and vLLM.")
    stage.add_argument("--model", type=Path, required=True, help="the student's directory")
    stage.add_argument("--base", help="its base's directory or hub name (default: where it was in the training)")
    stage.add_argument("--output", type=Path, required=True, help="the checkpoint's directory, written")

    stage = _stage(stages, "trace", _trace, "Print how one item's numbers came about, from its file to each error.")
    stage.add_argument("--item", required=True, help="its item_id")
    stage.add_argument("--results", type=Path, default=Path("results"), help="directory (default: results)")
    return parser


def _stage(stages: Any, name: str, run: Callable[..., None], summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = stages.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def _settings(parser: argparse.ArgumentParser, model: type[config.Settings]) -> None:
    described = "; ".join(
        f"{name}: {field.description}" for name, field in model.model_fields.items() if field.description
    )
    parser.add_argument("--settings", type=model.model_validate_json, required=True, metavar="JSON",
                        help=f"a section of the configuration as JSON: {json.dumps(list(model.model_fields))}. "
                             f"{described}".replace("%", "%%"))  # fmt: skip


def _items_and_shard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=Path, nargs="+", required=True, help="items tables of all datasets")
    parser.add_argument("--shard", type=int, required=True, help="0, 1, ...: which piece")
    parser.add_argument("--shards", type=int, required=True, help="how many pieces there are")


def _named_tables(parser: argparse.ArgumentParser, flag: str, what: str, required: bool = False) -> None:
    parser.add_argument(flag, action=_NamedFiles, nargs="+", default={}, required=required, metavar=("NAME", "FILE"),
                        help=f"a name, then {what}; repeated")  # fmt: skip


class _NamedFiles(argparse.Action):
    """Collect ``--flag NAME FILE FILE ... --flag NAME FILE ...`` as a dictionary of lists of paths."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
                 option_string: str | None = None) -> None:  # fmt: skip
        name, *files = values
        collected = dict(getattr(namespace, self.dest))
        if name in collected or not files:
            parser.error(f"{option_string} {name}: give each name once, with its files after it")
        setattr(namespace, self.dest, collected | {name: [Path(file) for file in files]})


def _figure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--svg", type=Path, required=True, help="the figure, written")
    parser.add_argument("--png", type=Path, required=True, help="the same figure, written")


def _parameters(directory: str) -> int:
    count: int = json.loads((Path(directory) / "parameters.json").read_text())["parameters"]
    return count


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=1, help="threads, or files at a time (default: 1)")


def _build_urn(**arguments: Any) -> None:
    from umui.datasets.urn import build

    build(**arguments)


def _import_items(settings: Any, **arguments: Any) -> None:
    from umui.datasets.importing import write_items

    adapter = importlib.import_module(f"umui.datasets.{settings.kind}")
    write_items(adapter.pairs(settings), **arguments)


def _extract_evidence(**arguments: Any) -> None:
    from umui.media.extraction import extract_shard

    extract_shard(**arguments)


def _make_model(**arguments: Any) -> None:
    from umui.student.tiny import make

    make(**arguments)


def _lock_models(**arguments: Any) -> None:
    from umui.student.revisions import lock_models

    lock_models(**arguments)


def _ask(**arguments: Any) -> None:
    from umui.teacher.asking import ask_shard

    ask_shard(**arguments)


def _import_votes(**arguments: Any) -> None:
    from umui.teacher.published_votes import import_votes

    import_votes(**arguments)


def _aggregate(**arguments: Any) -> None:
    from umui.teacher.aggregation import aggregate_shard

    aggregate_shard(**arguments)


def _train_student(**arguments: Any) -> None:
    from umui.student.training import train

    train(**arguments)


def _predict(views: list[tuple[Any, str, str]], **arguments: Any) -> None:
    from umui.student.prediction import predict_shard

    for view, name, predictions in views:
        predict_shard(view=view, name=name, predictions=Path(predictions), **arguments)


def _control(**arguments: Any) -> None:
    from umui.evaluation.controls import control

    control(**arguments)


def _control_table(**arguments: Any) -> None:
    from umui.evaluation.control_table import control_table

    control_table(**arguments)


def _leakage(**arguments: Any) -> None:
    from umui.evaluation.leakage import leakage

    leakage(**arguments)


def _labels_as_predictions(**arguments: Any) -> None:
    from umui.evaluation.controls import labels_as_predictions

    labels_as_predictions(**arguments)


def _evaluate(scaled: bool, **arguments: Any) -> None:
    from umui.evaluation.evaluating import evaluate
    from umui.evaluation.scaling import evaluate_scaled

    (evaluate_scaled if scaled else evaluate)(**arguments)


def _compare(**arguments: Any) -> None:
    from umui.evaluation.comparing import compare

    compare(**arguments)


def _differences(**arguments: Any) -> None:
    from umui.evaluation.differences import differences

    differences(**arguments)


def _reliability(**arguments: Any) -> None:
    from umui.evaluation.reliability import reliability

    reliability(**arguments)


def _reliability_figure(**arguments: Any) -> None:
    from umui.reporting.figures import reliability_figure

    reliability_figure(**arguments)


def _training_curves(**arguments: Any) -> None:
    from umui.reporting.figures import training_curves

    training_curves(**arguments)


def _agreement(**arguments: Any) -> None:
    from umui.evaluation.agreement import agreement

    agreement(**arguments)


def _agreement_figure(**arguments: Any) -> None:
    from umui.reporting.agreement_figure import agreement_figure

    agreement_figure(**arguments)


def _distributions(**arguments: Any) -> None:
    from umui.evaluation.distributions import distributions

    distributions(**arguments)


def _distributions_figure(**arguments: Any) -> None:
    from umui.reporting.distributions_figure import distributions_figure

    distributions_figure(**arguments)


def _batching_curves(**arguments: Any) -> None:
    from umui.reporting.figures import batching_curves

    batching_curves(**arguments)


def _table(**arguments: Any) -> None:
    from umui.reporting.tables import table

    table(**arguments)


def _paper_comparison(**arguments: Any) -> None:
    from umui.reporting.paper_comparison import paper_comparison

    paper_comparison(**arguments)


def _paper_audit(**arguments: Any) -> None:
    from umui.reporting.paper_audit import paper_audit

    paper_audit(**arguments)


def _hyperparameters(**arguments: Any) -> None:
    from umui.reporting.hyperparameters import hyperparameters

    hyperparameters(**arguments)


def _coverage(**arguments: Any) -> None:
    from umui.reporting.coverage import coverage

    coverage(**arguments)


def _cost(**arguments: Any) -> None:
    from umui.reporting.cost import cost

    cost(**arguments)


def _run_config(**arguments: Any) -> None:
    from umui.reporting.run_config import run_config

    run_config(**arguments)


def _score(**arguments: Any) -> None:
    from umui.score_command import score_command

    score_command(**arguments)


def _export(**arguments: Any) -> None:
    from umui.student.exporting import export

    export(**arguments)


def _trace(**arguments: Any) -> None:
    from umui.reporting.trace import trace

    trace(**arguments)


if __name__ == "__main__":
    sys.exit(main())
