"""What was left out, where and why: counts of every status of every table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from umui.artifacts import read_table, write_text
from umui.tables import ITEMS, LABELS, MEDIA, MODALITIES, PREDICTIONS, VOTES, Table

WHERE = ["dataset", "split", "modality"]
COLUMNS = ["stage", "source", *WHERE, "status", "count"]
FINE = {"items", "premises", "ok", "percent", "labelled"}
"""What needs no mention; a percentage is a probability, said otherwise."""

MARKDOWN = """\
# Coverage

Every item, medium, vote, label and prediction has a row in its table, whatever became of it. Here is what there was,
and what had to be left out of what follows.

## Items

{items}

## Left out

{left_out}

Statuses: of media *no_audio*, *no_video*, *corrupt*, *too_long*, *unsupported*, *missing*; of votes what is wrong with
the answer; of labels *no_label*: too few votes said a probability; of predictions *no_evidence*: the media could not
be used, *no_label*: the teacher gave none, *unparsed*: the answer was not a probability.
"""


def coverage(
    items: Sequence[Path],
    media: Sequence[Path],
    votes: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Sequence[Path]],
    predictions: Mapping[str, Sequence[Path]],
    csv: Path,
    markdown: Path,
) -> None:
    """Write all counts, and a page for readers with what was left out."""
    every = read_table(items, ITEMS, ["item_id", "premise_id", "media_id", *WHERE]).to_pandas()
    of_media = read_table(media, MEDIA, ["media_id", "status"]).to_pandas()
    counts = [
        tally(every, "items", "", "items"),
        tally(every.drop_duplicates("premise_id"), "premises", "", "premises"),
        tally(every.drop_duplicates(["media_id", *WHERE]).merge(of_media, on="media_id"), "media", ""),
    ]
    for source, files in votes.items():
        counts.append(tally(_with_places(files, VOTES, "parse_status", every), "votes", source))
    for source, files in labels.items():
        answers = _with_places(files, LABELS, "probability", every)
        answers["status"] = answers["status"].notna().map({True: "labelled", False: "no_label"})
        counts.append(tally(answers, "labels", source))
    for source, files in predictions.items():
        counts.append(tally(_with_places(files, PREDICTIONS, "status", every), "predictions", source))
    rows = pd.concat(counts, ignore_index=True)
    write_text(csv, rows.to_csv(index=False, lineterminator="\n"))
    write_text(markdown, MARKDOWN.format(items=_overview(rows), left_out=_left_out(rows)))


def tally(rows: pd.DataFrame, stage: str, source: str, status: str | None = None) -> pd.DataFrame:
    """Return the counts of `rows` by dataset, split, modality and status; `status` names all of them alike."""
    rows = rows.assign(stage=stage, source=source)
    rows = rows if status is None else rows.assign(status=status)
    counts = rows.groupby(COLUMNS[:-1], as_index=False).size().rename(columns={"size": "count"})
    counts["rank"] = counts["modality"].map(MODALITIES.index)
    return counts.sort_values(["dataset", "split", "rank", "status"])[COLUMNS]


def _with_places(files: Sequence[Path], table: Table, status: str, items: pd.DataFrame) -> pd.DataFrame:
    rows: pd.DataFrame = read_table(files, table, ["item_id", status]).to_pandas()
    return rows.rename(columns={status: "status"}).merge(items[["item_id", *WHERE]], on="item_id")


def _overview(rows: pd.DataFrame) -> str:
    lines = []
    for place, of_place in rows.groupby(WHERE, sort=False):
        counts = of_place[of_place["stage"].isin(["items", "premises", "media"])].groupby("stage")["count"].sum()
        usable = of_place[(of_place["stage"] == "media") & (of_place["status"] == "ok")]["count"].sum()
        files = f"{usable} of {counts['media']}" if "media" in counts else "–"
        lines.append([*place, counts["premises"], counts["items"], files])
    return markdown_table([*WHERE, "premises", "items", "media files in order"], lines)


def _left_out(rows: pd.DataFrame) -> str:
    totals = rows.groupby(COLUMNS[:-2], sort=False)["count"].sum().rename("total")
    left_out = rows[~rows["status"].isin(FINE)].join(totals, on=COLUMNS[:-2])
    if left_out.empty:
        return "Nothing: all media are in order, all votes were parsed, all items are labelled and predicted."
    lines = [
        [row.stage, row.source, f"{row.dataset} {row.split} {row.modality}", row.status, f"{row.count} of {row.total}"]
        for row in left_out.itertuples()
    ]
    return markdown_table(["of", "by", "where", "status", "how many"], lines)


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
