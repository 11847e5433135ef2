"""Helpers of the rules: the checked configuration, environments, and the names of files.  No rules.

What changes a result is among a rule's parameters: the settings that it uses, as JSON, and `code`, the digest of the
definitions that its stage reaches.  Snakemake sees neither config read in a shell line nor imported modules.  What a
long stage says of its progress goes to its log and, with the rule's name before it, to the terminal.
"""

import os
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow"))

from umui.datasets.importing import files_of
from umui.environments import build as environment
from umui.cli import STAGES
from umui.files.code import code_digest
from umui.config.judges import NOT_IDENTITY
from umui.config.loading import ConfigError, load
from umui.config.students import loss_name
from umui.prompts.rendering import answer_form
from umui.asking.journal import journal_file

try:
    CONFIG = load(config)
except ConfigError as error:
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
SHARDS = range(CONFIG.shards)
TEACHERS = {**CONFIG.teachers, **CONFIG.imported_teachers}
DATASETS = list(CONFIG.datasets)
URNS = [name for name, dataset in CONFIG.datasets.items() if dataset.kind == "urn"]
TINY_MODELS = [name for name, model in CONFIG.models.items() if model.tiny]
ITEMS = expand("results/items/{dataset}/items.parquet", dataset=DATASETS)
# Those of most tables and figures; the others are in table 4 and figures 5 and 6 alone.
STUDENTS = {
    name: student
    for name, student in CONFIG.students.items()
    if name not in CONFIG.ablations
}
LESSONS = expand("results/items/{dataset}/lessons.parquet", dataset=URNS)
MEDIA_FILES = expand("results/items/{dataset}/media", dataset=URNS)
LEFT_OUT = {
    name: f"results/items/{name}/left_out.parquet"
    for name in DATASETS
    if name not in URNS
}
LEFT_OUT_VOTES = {
    teacher: f"results/left_out/{teacher}.csv" for teacher in CONFIG.imported_teachers
}


wildcard_constraints:
    shard=r"\d+",
    piece=r"\d+",
    model="|".join(TINY_MODELS) or "none",
    judge="|".join(CONFIG.votes) or "none",
    label="|".join(CONFIG.labels) or "none",
    student="|".join(CONFIG.students) or "none",
    control="constant|majority|hypothesis-only",


def code(stage, *adapters, templates=()):
    """The digest of a stage's code, of what it finds by name, and of the templates that it fills in (room:name)."""
    try:
        return code_digest(STAGES[stage], *adapters, templates=templates)
    except ValueError as error:
        raise WorkflowError(str(error)) from None


def environment_name(family):
    """The name and the digest of a family's lock."""
    lock = ROOT / "envs" / f"{getattr(CONFIG.environments, family, family)}.txt"
    if not lock.is_file():
        raise WorkflowError(
            f"environments.{family}: there is no lock file {lock}; envs/ holds the known ones"
        )
    return f"{lock.stem}-{environment.digest(lock)}"


def environment_path(family):
    """The directory of a family's environment."""
    return f".envs/{environment_name(family)}"


def environment_of(family):
    """The input that makes a rule wait for its environment."""
    return [] if WITH_CONDA else ancient(f"{environment_path(family)}/ready")


def python_of(family):
    """The Python of a family's environment."""
    return "python" if WITH_CONDA else f"{environment_path(family)}/bin/python"


# How the stages of a family are run: through the wrapper (umui.jobs).  SIGTERM is the wrapper's to heed: the shell,
# and what writes the log, outlive it.
JOB = {
    family: f"trap '' TERM; python -m umui.jobs --environment {environment_name(family)}"
    for family in ("core", "student", "teacher")
}


def shards_of(pattern, **names):
    """One file a shard."""
    return expand(pattern, shard=SHARDS, allow_missing=True, **names)


def model_directory(name):
    """The directory of a model that a rule makes, as an input; nothing for a model that is there already."""
    return f"results/models/{name}" if CONFIG.models[name].tiny else []


def model_input(name):
    """The same, or the directory that the configuration names: its content counts where results are shared."""
    path = CONFIG.models[name].path
    return ancient(path) if path and Path(path).is_dir() else model_directory(name)


def ffmpeg_program():
    """The configuration's own ffmpeg: its content counts where results are shared; the usual one is locked."""
    program = CONFIG.media.ffmpeg and shutil.which(CONFIG.media.ffmpeg)
    return ancient(program) if program else []


def model_arguments(name):
    """How a stage is told where a model is."""
    model = CONFIG.models[name]
    where = f"results/models/{name}" if model.tiny else model.path
    return f"{where} --revision {model.revision}" if model.revision else where


def prompt_of_model(name):
    """The prompt that a model made on the spot is taught with: that of the judge which it becomes."""
    prompts = [judge.prompt for judge in CONFIG.judges.values() if judge.model == name]
    return (
        prompts
        or [
            student.prompt
            for student in CONFIG.students.values()
            if student.base == name
        ]
    )[0]


def label_names(judge):
    """The aggregations that a judge has votes enough for; a baseline's answer is what it said, once."""
    votes = CONFIG.votes[judge]
    return [name for name, label in CONFIG.labels.items() if label.votes <= votes]


def shards_of_job(judge, piece):
    """The shards that one of a judge's jobs asks about."""
    return list(SHARDS[int(piece) :: CONFIG.judges[judge].jobs])


def journals_of_job(judge, piece):
    """Where the votes about them are written as they arrive."""
    directory = Path("results/journals", judge)
    shards = shards_of_job(judge, piece)
    return [str(journal_file(directory, shard, CONFIG.shards)) for shard in shards]


def votes_of(judge):
    """A judge's votes, one file a job."""
    jobs = CONFIG.judges[judge].jobs if judge in CONFIG.judges else 1
    return [f"results/votes/{judge}/{piece}.parquet" for piece in range(jobs)]


def usage_of(judge):
    """What the servers of a judge's jobs count, one file a job."""
    return [
        f"results/timings/{judge}/{piece}.json"
        for piece in range(CONFIG.judges[judge].jobs)
    ]


def all_labels():
    """Every judge's labels."""
    return {f"{judge}, {label}": [f"results/labels/{judge}/{label}.parquet"]
            for judge in CONFIG.votes for label in label_names(judge)}  # fmt: skip


def training_labels(student):
    """The labels that a student learns from, by dataset."""
    return {
        dataset: [f"results/labels/{source.teacher}/{source.label}.parquet"]
        for dataset, source in CONFIG.students[student].sources.items()
        if source.teacher
    }


def head_entry(student):
    """A student's head: what its stages find by the name of its read-out."""
    return f"students.heads.{CONFIG.students[student].read_out}:HEAD"


def label_arguments(student):
    """The same as a stage's arguments."""
    return " ".join(
        f"--labels {dataset} {' '.join(files)}"
        for dataset, files in training_labels(student).items()
    )


def student_title(student, view):
    """A student's name in tables, with what it was shown if that was not all."""
    title = CONFIG.students[student].title
    return title if view == "full" else f"{title}, {view} only"


def table_entries():
    """Every model that the tables compare: its name there, its role, where its size is, and its predictions."""
    entries = {}
    for name, student in CONFIG.students.items():
        files = shards_of(f"results/predictions/students/{name}/full/{{shard}}.parquet")
        size = f"results/students/{name}"
        entries[f"students/{name}"] = dict(
            title=student.title, role="student", size=size, files=files
        )
    for judge, settings in CONFIG.judges.items():
        for label in label_names(judge):
            role, title = "baseline", settings.title
            if judge in CONFIG.teachers:
                role, title = "teacher", f"{settings.title}, {label}"
            files = [f"results/predictions/labels/{judge}/{label}.parquet"]
            size = model_directory(settings.model)
            entries[f"labels/{judge}/{label}"] = dict(
                title=title, role=role, size=size, files=files
            )
    for teacher, settings in CONFIG.imported_teachers.items():
        for label in label_names(teacher):
            title = f"{settings.title}, {label}"
            files = [f"results/predictions/labels/{teacher}/{label}.parquet"]
            entries[f"labels/{teacher}/{label}"] = dict(
                title=title, role="teacher", size=[], files=files
            )
    for control in ("constant", "majority", "hypothesis-only"):
        files = [f"results/predictions/controls/{control}.parquet"]
        entries[f"controls/{control}"] = dict(
            title=control, role="control", size=[], files=files
        )
    if URNS:
        files = ["results/predictions/controls/oracle.parquet"]
        entries["controls/oracle"] = dict(
            title="oracle", role="oracle", size=[], files=files
        )
    return entries


ENTRIES = table_entries()
MODELS = {
    name: entry
    for name, entry in ENTRIES.items()
    if name not in [f"students/{student}" for student in CONFIG.ablations]
}
# What is predicted: the evaluated splits, and the one that temperatures are fitted on.
PREDICTED_SPLITS = CONFIG.evaluation.splits + [
    split for split in [CONFIG.evaluation.calibration_split] if split
]
VIEWS = {
    student_title(student, view): shards_of(
        f"results/predictions/students/{student}/{view}/{{shard}}.parquet"
    )
    for student in STUDENTS
    for view in ("frames", "sound")
}
STUDENTS_COMPARED = (
    [
        "results/comparisons.csv",
        "results/differences.csv",
        "results/figures/reliability.svg",
        "results/figures/training.svg",
    ]
    if STUDENTS
    else []
)
PREDICTIONS = {entry["title"]: entry["files"] for entry in MODELS.values()} | VIEWS


def named_files(option, files_of_names):
    """Repeated arguments: an option, a name, and the name's files."""
    return " ".join(
        f"{option} '{name}' {' '.join(files)}" for name, files in files_of_names.items()
    )


def pairs():
    """Which models are compared on the same items: what a claim rests on."""
    titles = [student.title for student in STUDENTS.values()]
    chosen = [
        (title, control)
        for title in titles
        for control in ("hypothesis-only", "constant")
    ]
    chosen += [(titles[0], other) for other in titles[1:]]
    chosen += [(student.title, student_title(name, view)) for name, student in STUDENTS.items()
               for view in ("frames", "sound")]  # fmt: skip
    for teacher, settings in TEACHERS.items():
        labels = [f"{settings.title}, {label}" for label in label_names(teacher)]
        chosen += [(other, labels[0]) for other in labels[1:]] + [
            (title, other) for title in titles for other in labels[-1:]
        ]
    return " ".join(f"--pair '{a}' '{b}'" for a, b in chosen)
