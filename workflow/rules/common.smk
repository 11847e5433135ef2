"""What the rules share: the checked configuration, environments, and what needs Snakemake.  No rules.

Which models, tables and figures there are, and where files are, says umui.plan.  What changes a result is among a
rule's parameters: the settings that it uses, as JSON, and `code`, the digest of the definitions that its stage reaches.
Snakemake sees neither config read in a shell line nor imported modules.  What a long stage says of its progress goes to its log
and, with the rule's name before it, to the terminal.
"""

import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.snakefile).resolve().parents[2]
if not (ROOT / "workflow/umui").is_dir():
    raise WorkflowError(
        f"{ROOT}: umui is a package beside its rules; name workflow/Snakefile of a clone"
    )
sys.path.insert(0, str(ROOT / "workflow"))

from umui.cli import STAGES
from umui.files.code import code_digest
from umui.config.loading import load
from umui.plan import comparisons, controls, dispatch, entries, figures
from umui.plan import impact, labels, models, paths, tables
from umui.plan.environments import environment_names
from umui.plan.options import any_of, named_files, repeated
from umui.plan.sections import section_of

try:
    CONFIG = load(config)
    dispatch.check_prompts(CONFIG)
    LOCKS = environment_names(CONFIG, ROOT / "envs")
except ValueError as error:
    raise WorkflowError(str(error)) from None

# The stages of the core family run with Snakemake's own Python, under --sdm conda with the activated one.
os.environ.update(
    PYTHONPATH=str(ROOT / "workflow"),
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    UMUI_STORE=CONFIG.store or "",
    UMUI_STORE_ACCESS=CONFIG.store_access,
    UMUI_SNAKEMAKE_PID=str(os.getpid()),  # jobs end with it, even when it is killed
)
WITH_CONDA = "conda" in {
    str(method.value) for method in workflow.deployment_settings.deployment_method
}
IN_PLACE = ROOT.samefile(Path.cwd())
# What stands before the names of files that are the repository's and not a run's.
REPOSITORY = "" if IN_PLACE else f"{ROOT}/"

# By family: its Python, the input that waits for it, and how its stages are run: through the wrapper (umui.jobs).
# SIGTERM is the wrapper's to heed: the shell, and what writes the log, outlive it.
ENVS = f"{REPOSITORY}.envs"
PYTHON, READY, JOB = {}, {}, {}
for family, name in LOCKS.items():
    PYTHON[family] = "python" if WITH_CONDA else f"{ENVS}/{name}/bin/python"
    READY[family] = [] if WITH_CONDA else ancient(f"{ENVS}/{name}/ready")
    JOB[family] = f"trap '' TERM; python -m umui.jobs --environment {shlex.quote(name)}"

ITEMS = paths.items_of(CONFIG.datasets)
EVIDENCE = paths.of_shards(CONFIG, "results/evidence/{shard}.parquet")
ENTRIES = {entry.path: entry for entry in entries.entries(CONFIG)}
PREDICTIONS = entries.predictions(CONFIG)


wildcard_constraints:
    shard=r"\d+",
    piece=r"\d+",
    judge=any_of(CONFIG.votes),
    label=any_of(CONFIG.labels),
    student=any_of(CONFIG.students),


def model_input(name):
    """A model's directory, made or given, as an input: its content counts where results are shared."""
    given = models.given_directory(CONFIG, name)
    return ancient(given) if given else models.made_directory(CONFIG, name) or []


def settings(section="", exclude=None):
    """The parameter with a section of the configuration as JSON, or all of it; wildcards may stand in `section`.

    It is a function, since Snakemake would take the braces of a text for wildcards.
    """
    return lambda wildcards: section_of(CONFIG, section, wildcards).as_json(
        exclude=exclude
    )


@cache
def code(stage, *found, templates=()):
    """The digest of a stage's code, with what it finds by name and the templates that it fills in (plan.dispatch)."""
    return code_digest(STAGES[stage], *found, templates=templates)
