"""Where the files of a run are, as paths relative to its working directory."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from umui.asking.journal import journal_file
from umui.config.datasets import Urn
from umui.config.run import Config
from umui.datasets.importing import files_of as files_of_adapter
from umui.datasets.importing import sources_state as sources_state_of_adapter


def urns(config: Config) -> list[str]:
    """Return the names of the data sets that are urn worlds, which the run makes itself."""
    return [name for name, dataset in config.datasets.items() if isinstance(dataset, Urn)]


def imported_datasets(config: Config) -> list[str]:
    """Return the names of the other data sets, whose items are made from files."""
    return [name for name in config.datasets if name not in urns(config)]


def source_files(config: Config, dataset: str) -> list[str]:
    """Return the files that a data set's items are made from, media apart; none for an urn world."""
    settings = config.datasets[dataset]
    return [] if isinstance(settings, Urn) else files_of_adapter(settings)


def sources_state(config: Config, dataset: str) -> str:
    """Return what is another when one of these files, or a medium that they name, is replaced or changed."""
    return sources_state_of_adapter(config.datasets[dataset])


def items_of(datasets: Iterable[str]) -> list[str]:
    """Return the items tables, one a data set."""
    return [f"results/items/{dataset}/items.parquet" for dataset in datasets]


def lessons(config: Config) -> list[str]:
    """Return the lessons that tiny models learn from, one a world."""
    return [f"results/items/{urn}/lessons.parquet" for urn in urns(config)]


def media_directories(config: Config) -> list[str]:
    """Return the directories of the media that the run itself makes, one a world."""
    return [f"results/items/{urn}/media" for urn in urns(config)]


def ffmpeg_programs(config: Config) -> list[str]:
    """Return the ffmpeg that the configuration names, as a file; none where it is the usual one, which is locked."""
    program = config.media.ffmpeg and shutil.which(config.media.ffmpeg)
    return [program] if program else []


def left_out(config: Config) -> Mapping[str, list[str]]:
    """Return the table of the rows that became no item, by data set."""
    return {dataset: [f"results/items/{dataset}/left_out.parquet"] for dataset in imported_datasets(config)}


def left_out_votes(config: Config) -> Mapping[str, list[str]]:
    """Return the table of the published rows that became no vote, by imported teacher."""
    return {teacher: [f"results/left_out/{teacher}.csv"] for teacher in config.imported_teachers}


def of_shards(config: Config, pattern: str) -> list[str]:
    """Return one file a shard; `pattern` has ``{shard}``."""
    return [pattern.replace("{shard}", str(shard)) for shard in range(config.shards)]


def shards_of_job(config: Config, judge: str, piece: int) -> list[int]:
    """Return the shards that one of a judge's jobs asks about."""
    return list(range(piece, config.shards, config.judges[judge].jobs))


def evidence_of_job(config: Config, judge: str, piece: int) -> list[str]:
    """Return the evidence of these shards."""
    return [f"results/evidence/{shard}.parquet" for shard in shards_of_job(config, judge, piece)]


def journals_of_job(config: Config, judge: str, piece: int) -> list[str]:
    """Return where the votes about these shards are written as they arrive."""
    directory = Path("results/journals", judge)
    return [str(journal_file(directory, shard, config.shards)) for shard in shards_of_job(config, judge, piece)]


def votes_of(config: Config, judge: str) -> list[str]:
    """Return a judge's or imported teacher's votes, one file a job."""
    jobs = config.judges[judge].jobs if judge in config.judges else 1
    return [f"results/votes/{judge}/{piece}.parquet" for piece in range(jobs)]


def all_votes(config: Config) -> Mapping[str, list[str]]:
    """Return the votes of all judges and imported teachers, by their names."""
    return {judge: votes_of(config, judge) for judge in config.votes}


def usage(config: Config) -> Mapping[str, list[str]]:
    """Return what the servers of each judge's jobs count, one file a job, by the judge's name."""
    return {
        name: [f"results/timings/{name}/{piece}.json" for piece in range(judge.jobs)]
        for name, judge in config.judges.items()
    }


def student_directory(student: str) -> str:
    """Return the directory of a trained student."""
    return f"results/students/{student}"


def training_log(student: str) -> str:
    """Return what a student's training wrote down of its steps."""
    return f"{student_directory(student)}/training_log.parquet"


def files_of(named: Mapping[str, Iterable[str]]) -> list[str]:
    """Return all files of a mapping from names to files, in their order."""
    return [file for files in named.values() for file in files]
