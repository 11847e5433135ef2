"""The command line: one subcommand a stage; paths and settings in, one call, nothing else.

The workflow's rules call it.  A stage's options follow from the signature of its function (arguments.py), and its
libraries are imported only when it runs.
"""

import argparse
import ast
import importlib
import shutil
import sys
import textwrap

from umui.arguments import parser_of, summary_of
from umui.files.outside import plain
from umui.files.source import Source, read_source

STAGES_BY_PURPOSE = {
    "Items, from data sets": {
        "build-urn": "datasets.urn.world:build",
        "import-items": "datasets.importing:import_items",
        "download": "datasets.download.fetch:download",
    },
    "Evidence, from media": {
        "extract-evidence": "media.extraction:extract_shard",
    },
    "Votes and labels, from teachers": {
        "ask": "asking.ask:ask_shards",
        "import-votes": "votes.published:import_votes",
        "aggregate": "votes.aggregation:aggregate_votes",
    },
    "Models and students": {
        "make-model": "models.tiny:make",
        "lock-models": "models.revisions:lock_models",
        "train-student": "students.train:train",
        "predict": "students.predict:predict_shard",
    },
    "Figures with their intervals": {
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
    },
    "Tables, pictures and pages": {
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
    },
    "For people": {
        "score": "use.score:score_command",
        "export": "students.export:export",
        "trace": "use.trace:trace",
        "explain": "plan.explain:explain",
    },
    "Shared results and votes": {
        "store-list": "store.maintenance:list_results",
        "store-verify": "store.maintenance:verify",
        "store-gc": "store.maintenance:collect",
        "publish-votes": "votes.shared:publish",
    },
}
"""The function of each subcommand, as MODULE:FUNCTION below umui, in the order of the data's way through the system."""

STAGES = {stage: target for stages in STAGES_BY_PURPOSE.values() for stage, target in stages.items()}


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; return the exit code.  An expected fault is one message on standard error and exit code 1."""
    chosen = FrontPage().parse_args(arguments)
    given = vars(parser(chosen.stage).parse_args(chosen.arguments))
    module, _, name = STAGES[chosen.stage].partition(":")
    try:
        getattr(importlib.import_module(f"umui.{module}"), name)(**given)
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        print(plain(f"umui: {error}", kept="\n\t"), file=sys.stderr)
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


def parser(stage: str) -> argparse.ArgumentParser:
    """Return the parser of a stage's own arguments."""
    return parser_of(stage, *_function(stage))


def _function(stage: str) -> tuple[Source, ast.FunctionDef]:
    module, _, name = STAGES[stage].partition(":")
    source = read_source(f"umui.{module}")
    return source, source.function(name)


class FrontPage(argparse.ArgumentParser):
    """The parser of the subcommand alone; its help is the list of all."""

    def __init__(self) -> None:
        super().__init__(
            "umui",
            usage="umui [-h] STAGE ...",
            description="The stages of the workflow, one subcommand each.  `umui STAGE --help` says what one takes.",
        )
        self.add_argument("stage", choices=STAGES, metavar="STAGE", help="one of those below")
        self.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")

    def format_help(self) -> str:
        """Return the help, for which the sources of all stages are read."""
        margin = " " * (4 + max(map(len, STAGES)))
        wrapper = textwrap.TextWrapper(min(shutil.get_terminal_size().columns - 2, 100), subsequent_indent=margin)
        lines = []
        for purpose, stages in STAGES_BY_PURPOSE.items():
            lines.append(f"\n{purpose}:")
            for stage in stages:
                _, function = _function(stage)
                lines.append(wrapper.fill(f"  {stage}".ljust(len(margin)) + summary_of(function)))
        return super().format_help() + "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
