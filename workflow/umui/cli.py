"""The command line: one subcommand a stage; paths and settings in, one call, nothing else.

The workflow's rules call it; a stage's libraries are imported only when it is asked for.
"""

import argparse
import importlib
import sys

from umui.commands import datasets, evaluation, media, reporting, sharing, student, teacher, use

STAGES = {
    "build-urn": "datasets.urn.world:build",
    "import-items": "datasets.importing:import_items",
    "download": "datasets.download.fetch:download",
    "extract-evidence": "media.extraction:extract_shard",
    "ask": "asking.ask:ask_shards",
    "import-votes": "votes.published:import_votes",
    "aggregate": "votes.aggregation:aggregate_votes",
    "make-model": "models.tiny:make",
    "lock-models": "models.revisions:lock_models",
    "train-student": "students.train:train",
    "predict": "students.predict:predict_shard",
    "control": "evaluation.controls:control",
    "control-table": "evaluation.control_table:control_table",
    "leakage": "evaluation.leakage:leakage",
    "labels-as-predictions": "evaluation.controls:labels_as_predictions",
    "evaluate": "evaluation.evaluate:evaluate",
    "evaluate-scaled": "evaluation.temperature:evaluate_scaled",
    "compare": "evaluation.compare:compare",
    "impact": "evaluation.impact:impact",
    "differences": "evaluation.differences:differences",
    "reliability": "evaluation.curves.reliability:reliability",
    "agreement": "evaluation.curves.agreement:agreement",
    "distributions": "evaluation.curves.distributions:distributions",
    "reliability-figure": "reporting.figures.curves:reliability_figure",
    "training-curves": "reporting.figures.curves:training_curves",
    "agreement-figure": "reporting.figures.agreement:agreement_figure",
    "distributions-figure": "reporting.figures.distributions:distributions_figure",
    "batching-curves": "reporting.figures.curves:batching_curves",
    "table": "reporting.tables:table",
    "paper-comparison": "papers.clue.comparison:paper_comparison",
    "paper-audit": "papers.clue.audit:paper_audit",
    "hyperparameters": "papers.clue.hyperparameters:hyperparameters",
    "coverage": "reporting.coverage:coverage",
    "impact-page": "reporting.impact:impact_page",
    "cost": "plan.cost:cost",
    "run-config": "reporting.run_config:run_config",
    "usage": "reporting.usage:usage_page",
    "score": "use.score:score_command",
    "export": "students.export:export",
    "trace": "use.trace:trace",
    "explain": "plan.explain:explain",
    "store-list": "store.maintenance:list_results",
    "store-verify": "store.maintenance:verify",
    "store-gc": "store.maintenance:collect",
    "publish-votes": "votes.shared:publish",
}
"""The function of each subcommand, as MODULE:FUNCTION below umui, in the order of the data's way through the system."""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; return the exit code.  An expected fault is one message on standard error and exit code 1."""
    chosen = vars(parser().parse_args(arguments))
    module, _, name = STAGES[chosen.pop("stage")].partition(":")
    try:
        getattr(importlib.import_module(f"umui.{module}"), name)(**chosen)
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        print(f"umui: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"umui: {error.name} is not in {sys.prefix}; each stage runs in the environment of its family: "
              "`python3.11 workflow/umui/environments/build.py --print-path envs/student.txt` names the student's",
              file=sys.stderr)  # fmt: skip
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"umui: {where}{error.strerror}; free space or mend the path, then run again; "
              "finished work is kept", file=sys.stderr)  # fmt: skip
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands, in the order of the data's way through the system."""
    made = argparse.ArgumentParser(prog="umui", description="The stages of the workflow, one subcommand each.")
    stages = made.add_subparsers(required=True, metavar="STAGE")
    for family in (datasets, media, teacher, student, evaluation, reporting, use, sharing):
        family.add(stages)
    return made


if __name__ == "__main__":
    sys.exit(main())
