"""What was left out, where and why: counts of every status of every table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import AnyPredictions, Items, Option
from umui.evidence.shown import HEARS, SEES
from umui.files.atomic import write_text
from umui.files.outside import in_csv, in_markdown
from umui.files.parquet import read_rows, read_table
from umui.tables import ITEMS, LABELS, LEFT_OUT, MEDIA, MODALITIES, PREDICTIONS, VOTES, Table

Tables = Annotated[Mapping[str, Sequence[Path]], Option(may_be_empty=True)]

WHERE = ["dataset", "split", "modality"]
COLUMNS = ["stage", "source", *WHERE, "status", "count"]
FINE = {"known", "premises", "ok", "percent", "not_asked", "labelled"}
"""What needs no mention: a percentage is a probability, said otherwise; not asked was what others made needless."""

MARKDOWN = """\
# Coverage

Every item, medium, vote, label and prediction has a row in its table, whatever became of it. Here is what there was,
and what had to be left out of what follows.

## Items

{items}

## Rows that became no item

{no_item}

## Published answers that became no vote

{no_vote}

## Left out

{left_out}

Of items, *no_probability*: the true probability is not known, so that no error can be computed. Of media: what is
wrong with the file; its row in the media table says more. Of votes: why the answer says no probability; *no_evidence*:
the media could not be used. Of labels, *no_label*: too few votes said a probability. Of predictions, *no_evidence*: the
media could not be used; *no_label*: the teacher gave none; *unparsed*: the answer was not a probability;
*too_long*: more tokens than the model's context; *not_finite*: the model's numbers were none.
"""


def coverage(
    items: Items,
    left_out: Annotated[Tables, "the left_out table of a dataset"],
    left_out_votes: Annotated[Tables, "the left-out rows of an imported teacher, as CSV"],
    media: Annotated[Sequence[Path], "media tables, all shards", Option(may_be_empty=True)],
    votes: Annotated[Tables, "the votes tables of a judge"],
    labels: Annotated[Tables, "the labels tables of a judge and aggregation"],
    predictions: AnyPredictions,
    csv: Annotated[Path, "all counts, written"],
    markdown: Annotated[Path, "a summary, written"],
) -> None:
    """Count what was left out, where and why."""
    columns = ["item_id", "premise_id", "media_id", "probability", *WHERE]
    every = read_table(items, ITEMS, columns).to_pandas()
    known = every["probability"].notna().map({True: "known", False: "no_probability"})
    of_media = read_table(media, MEDIA, ["media_id", "status"]).to_pandas()
    counts = [
        tally(every.assign(status=known), "items", ""),
        tally(every.drop_duplicates("premise_id").assign(status="premises"), "premises", ""),
        tally(every.drop_duplicates(["media_id", *WHERE]).merge(of_media, on="media_id"), "media", ""),
    ]
    for source, files in votes.items():
        counts.append(tally(_placed(files, VOTES, "parse_status", every), "votes", source))
    for source, files in labels.items():
        answers = _placed(files, LABELS, "probability", every)
        labelled = answers["status"].notna().map({True: "labelled", False: "no_label"})
        counts.append(tally(answers.assign(status=labelled), "labels", source))
    for source, files in predictions.items():
        counts.append(tally(_placed(files, PREDICTIONS, "status", every), "predictions", source))
    rows = pd.concat(counts, ignore_index=True)
    no_item = [row | {"of": name} for name, files in left_out.items() for row in read_rows(files, LEFT_OUT)]
    no_vote = [row | {"of": name} for name, files in left_out_votes.items() for row in _csv_rows(files)]
    aside = [["files", in_csv(file), name, "", "", status, n] for (name, file, status), n in _counted(no_item)]
    aside += [
        ["published votes", f"{name}, {file}", "", "", "", status, n] for (name, file, status), n in _counted(no_vote)
    ]
    of_files = pd.DataFrame(aside, columns=COLUMNS)
    write_text(csv, pd.concat([of_files, rows]).to_csv(index=False, lineterminator="\n"))
    page = MARKDOWN.format(
        items=_overview(rows),
        no_item=_files(no_item, "dataset"),
        no_vote=_files(no_vote, "teacher"),
        left_out=_left_out(rows),
    )
    write_text(markdown, page)


def _csv_rows(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Read left_out rows that stand in CSV: an imported teacher's may repeat the key of the left_out table."""
    rows = (pd.read_csv(file, dtype=str, keep_default_na=False).to_dict("records") for file in files)
    return [{str(name): value for name, value in row.items()} for of_file in rows for row in of_file]


def _counted(aside: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[str, ...], int]]:
    """Return the numbers of left_out rows by what they are of, file and status."""
    return sorted(Counter((row["of"], row["source"], row["status"]) for row in aside).items())


def _files(aside: Sequence[Mapping[str, Any]], of: str) -> str:
    """Return what was left out of each file, with the first such row.

    An `unused` row of a whole file (its row is 0) says itself how many it stands for.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in aside:
        groups.setdefault((row["of"], row["source"], row["column"], row["status"]), []).append(row)
    lines = []
    for place, group in sorted(groups.items()):
        first = group[0]
        said = f"row {first['row']}" if int(first["row"]) else first["value"]
        lines.append([*map(in_markdown, place), len(group), in_markdown(f"{said}: {first['reason']}")])
    if not lines:
        return "None."
    return markdown_table([of, "file", "column", "status", "entries", "the first"], lines)


def tally(rows: pd.DataFrame, stage: str, source: str) -> pd.DataFrame:
    """Return the counts of `rows` by dataset, split, modality and status."""
    counts = rows.groupby([*WHERE, "status"], as_index=False).size().rename(columns={"size": "count"})
    counts["rank"] = counts["modality"].map(MODALITIES.index)
    counts = counts.sort_values(["dataset", "split", "rank", "status"])
    return counts.assign(stage=stage, source=source)[COLUMNS]


def _placed(files: Sequence[Path], table: Table, status: str, items: pd.DataFrame) -> pd.DataFrame:
    """Return each row's dataset, split and modality, and the column `status` under that name."""
    rows: pd.DataFrame = read_table(files, table, ["item_id", status]).to_pandas()
    return rows.rename(columns={status: "status"}).merge(items[["item_id", *WHERE]], on="item_id")


def _harmless(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which counts say that nothing is amiss: a video needs no sound, and a sound no pictures."""
    silent = ~rows["modality"].isin(HEARS) & (rows["status"] == "no_audio")
    unseen = ~rows["modality"].isin(SEES) & (rows["status"] == "no_video")
    return rows["status"].isin(FINE) | ((rows["stage"] == "media") & (silent | unseen))


def _overview(rows: pd.DataFrame) -> str:
    lines = []
    for place, of_place in rows.groupby(WHERE, sort=False):
        counts = of_place[of_place["stage"].isin(["items", "premises", "media"])].groupby("stage")["count"].sum()
        usable = of_place[(of_place["stage"] == "media") & _harmless(of_place)]["count"].sum()
        files = f"{usable} of {counts['media']}" if "media" in counts else "–"
        lines.append([*place, counts["premises"], counts["items"], files])
    return markdown_table([*WHERE, "premises", "items", "usable media files"], lines)


def _left_out(rows: pd.DataFrame) -> str:
    totals = rows.groupby(COLUMNS[:-2], sort=False)["count"].sum().rename("total")
    left_out = rows[~_harmless(rows)].join(totals, on=COLUMNS[:-2])
    if left_out.empty:
        return "Nothing: all media are usable, all votes were parsed, all items are labelled and predicted."
    lines = []
    for source, group in left_out.groupby(["stage", "source", "dataset", "split", "status"], sort=False):
        of_modality = zip(group["modality"], group["count"], group["total"], strict=True)
        shares = {modality: f"{count} of {total}" for modality, count, total in of_modality}
        lines.append([*source, *(shares.get(modality, "") for modality in MODALITIES)])
    return markdown_table(["of", "by", "dataset", "split", "status", *MODALITIES], lines)


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
