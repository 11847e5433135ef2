"""What caching spared the servers of teachers and baselines: a page and its numbers."""

import csv as csv_format
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated

from umui.arguments import Option
from umui.files.atomic import read_json, write_text
from umui.reporting.coverage import markdown_table

COLUMNS = [
    "judge", "prompt_tokens", "prompt_tokens_cached", "prompt_tokens_computed", "cached_share", "completion_tokens",
    "media", "media_cached",
]  # fmt: skip

MARKDOWN = """\
# What the servers computed

Prompts were sent with {asked} tokens in all, a prompt once for each of its answers; the servers found {cached} of them
in their prefix caches and computed the rest. A medium that is in the cache is not prepared again.

{table}

Counted by the servers in the latest run of each job: answers that a journal had already were not asked for again, so
that after an interrupted or repeated run these are fewer than all votes took. An endpoint that was there already is
not counted.
"""


def usage_page(
    usage: Annotated[Mapping[str, Sequence[Path]], "the counts of a judge's jobs", Option(may_be_empty=True)],
    csv: Annotated[Path, "the counts, written"],
    markdown: Annotated[Path, "the page, written"],
) -> None:
    """Show what caching spared the servers.

    There are each judge's counts, summed over its jobs.  A judge that no server of ours was asked for has no row.
    """
    rows = [row for judge, files in usage.items() if (row := _row(judge, files))]
    out = StringIO()
    writer = csv_format.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(csv, out.getvalue())
    asked, cached = (sum(int(row[column]) for row in rows) for column in ("prompt_tokens", "prompt_tokens_cached"))
    table = markdown_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    write_text(markdown, MARKDOWN.format(asked=asked, cached=cached, table=table))


def _row(judge: str, files: Sequence[Path]) -> dict[str, str] | None:
    counts = [found for file in files if (found := read_json(file)["counts"])]
    if not counts:
        return None
    sums = {name: sum(one[name] for one in counts) for name in counts[0]}
    share = sums["prompt_tokens_cached"] / sums["prompt_tokens"] if sums["prompt_tokens"] else None
    row = {name: str(value) for name, value in sums.items()}
    computed = sums["prompt_tokens"] - sums["prompt_tokens_cached"]
    return row | {
        "judge": judge,
        "prompt_tokens_computed": str(computed),
        "cached_share": "" if share is None else f"{share:.3f}",
    }
