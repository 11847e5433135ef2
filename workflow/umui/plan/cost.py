"""What a run will ask of its models, before it asks: requests, votes, tokens, optimizer steps, and hours.

Counts are exact for the items that there are.  Tokens rest on the typical lengths in the configuration's section
`costs`, hours on the rates there: they are as good as these.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import Items
from umui.config.judges import Judge
from umui.config.run import Config, Costs
from umui.config.students import Student, TrainingSource
from umui.evidence.shown import SHOWN, Stream
from umui.files.atomic import write_text
from umui.files.parquet import read_table
from umui.prompts.rendering import claim_first
from umui.tables import ITEMS

COLUMNS = [
    "model", "stage", "items", "premises", "requests", "votes", "prompt_tokens", "completion_tokens", "steps",
    "training_tokens", "hours",
]  # fmt: skip
CHARACTERS_A_TOKEN = 4  # of English
PREFIX_TOKENS = 200  # of a prompt's own words
SUFFIX_TOKENS = 20  # of what a hypothesis' turn adds to its words


def cost(settings: Config, items: Items, csv: Annotated[Path, "the forecast, written"]) -> None:
    """Forecast what the models of a run will be asked for.

    The same is printed for readers.
    """
    found = forecast(settings, items)
    write_text(csv, found.to_csv(index=False, lineterminator="\n"))
    print(found.to_string(index=False, na_rep="", float_format="{:,.2f}".format))


def forecast(settings: Config, items: Sequence[Path]) -> pd.DataFrame:
    """Return one row a model and stage (votes, training), with the columns `COLUMNS`; what does not apply is null."""
    columns = ["dataset", "split", "premise_id", "modality", "premise_text", "hypothesis"]
    everything = _with_lengths(settings, read_table(items, ITEMS, columns).to_pandas())
    rows = [*_asked(settings, everything), *_trained(settings, everything)]
    return pd.DataFrame(rows, columns=COLUMNS).convert_dtypes()


def _with_lengths(settings: Config, items: pd.DataFrame) -> pd.DataFrame:
    """Add the tokens of each item's premise, and of its hypothesis."""
    costs = settings.costs
    of_stream: dict[Stream, float] = {
        "frames": costs.media_s * settings.media.frame_rate_hz * costs.tokens_a_frame,
        "sound": costs.media_s * costs.sound_tokens_per_s,
    }
    of_media = {
        modality: sum((of_stream[stream] for stream in shown.streams), 0.0) for modality, shown in SHOWN.items()
    }
    words = items["premise_text"].str.len().fillna(0) / CHARACTERS_A_TOKEN
    return items.assign(
        premise_tokens=PREFIX_TOKENS + words + items["modality"].map(of_media),
        hypothesis_tokens=SUFFIX_TOKENS + items["hypothesis"].str.len() / CHARACTERS_A_TOKEN,
    )


def _asked(settings: Config, items: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for name, judge in settings.judges.items():
        asked = _of_judge(items, judge)
        votes, requests = len(asked) * judge.sampling.votes, len(asked)
        prompt = int((asked["premise_tokens"] + asked["hypothesis_tokens"]).sum())
        completion = votes * min(settings.costs.completion_tokens, judge.sampling.max_tokens)
        yield {
            "model": name, "stage": "votes", "items": len(asked), "premises": asked["premise_id"].nunique(),
            "requests": requests, "votes": votes, "prompt_tokens": prompt, "completion_tokens": completion,
            "hours": _hours(settings.costs, prompt=prompt, completion=completion),
        }  # fmt: skip


def _of_judge(items: pd.DataFrame, judge: Judge) -> pd.DataFrame:
    wanted = {(dataset, modality) for dataset, modalities in judge.datasets.items() for modality in modalities}
    chosen = [pair in wanted for pair in zip(items["dataset"], items["modality"], strict=True)]
    return items[pd.Series(chosen, index=items.index, dtype=bool) & items["split"].isin(judge.splits)]


def _trained(settings: Config, items: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Count training as if every item got a label.

    A premise is read once for the hypotheses of a micro-batch, or once for each where the prompt puts the claim first.
    """
    for name, student in settings.students.items():
        trained = pd.concat([_of_source(items, *source) for source in student.sources.items()])
        premises = trained.groupby("premise_id").agg(
            modality=("modality", "first"),
            premise_tokens=("premise_tokens", "first"),
            hypothesis_tokens=("hypothesis_tokens", "mean"),
            hypotheses=("hypothesis_tokens", "size"),
        )
        read = premises["hypotheses"].clip(upper=student.training.hypotheses_per_premise)
        times = read if claim_first(student.prompt) else 1
        tokens_a_pass = float((times * premises["premise_tokens"] + read * premises["hypothesis_tokens"]).sum())
        steps, steps_a_pass = _steps(student, premises)
        tokens = int(tokens_a_pass * steps / steps_a_pass) if steps_a_pass else 0
        yield {
            "model": name, "stage": "training", "items": len(trained), "premises": len(premises), "steps": steps,
            "training_tokens": tokens, "hours": _hours(settings.costs, training=tokens),
        }  # fmt: skip


def _of_source(items: pd.DataFrame, dataset: str, source: TrainingSource) -> pd.DataFrame:
    of_split = (items["dataset"] == dataset) & (items["split"] == "train")
    return items[of_split & items["modality"].isin(source.modalities)]


def _steps(student: Student, premises: pd.DataFrame) -> tuple[int, int]:
    """Return the optimizer steps of the training, and of one pass: at least, where batches are made by tokens."""
    training = student.training
    a_step = training.premises_per_batch * training.accumulation * training.ranks
    pools = premises.groupby("modality").size() if training.batching == "by_modality" else pd.Series([len(premises)])
    a_pass = sum(math.ceil(size / a_step) for size in pools)
    if training.steps is not None:
        return training.steps, a_pass
    assert training.epochs is not None
    return math.ceil(training.epochs * a_pass), a_pass


def _hours(costs: Costs, prompt: float = 0, completion: float = 0, training: float = 0) -> float | None:
    """Return the hours of one GPU (or CPU), or None where no rate is stated."""
    work = (
        (prompt, costs.prompt_tokens_per_s),
        (completion, costs.completion_tokens_per_s),
        (training, costs.training_tokens_per_s),
    )
    if any(tokens and rate is None for tokens, rate in work):
        return None
    return sum(tokens / rate for tokens, rate in work if rate) / 3600
