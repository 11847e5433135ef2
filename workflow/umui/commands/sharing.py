"""Subcommands for the store that clones share, and for votes that are published."""

import argparse
from typing import Any

from umui.commands.arguments import file, files, stage

STORE_EPILOG = """\
The store is what the setting `store` names: a directory, or s3://BUCKET/PREFIX with the credentials in the variables
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION, AWS_ENDPOINT_URL where needed).  It is filled and read by
the workflow itself: snakemake --config store=/shared/store results/table3.csv.  docs/sharing.md says what is trusted.
"""
GC_EPILOG = """\
Examples:
  umui store-gc --store /shared/store --older-than 90 --dry-run
  umui store-gc --store s3://bucket/umui --larger-than 500

A result is used when a clone that may write takes it; that is known to the day.  Readers leave no trace.  Without a
limit only objects go that no result names, and what killed writers left, once they are a day old.
"""
PUBLISH_EPILOG = """\
Example:
  umui publish-votes --votes results/votes/big-teacher/*.parquet --title 'big teacher' --output votes-of-big-teacher

The directory holds a copy of each table and manifest.json, with the sha256, size and rows of each.  Another project,
whose data set has the same name and content, reads it as an imported teacher with `form: votes` and
`files: [votes-of-big-teacher/manifest.json]`; each file is verified first.
"""


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    _store(stages, "store-list", "List the results of a store, the last used first.", STORE_EPILOG)
    _store(stages, "store-verify", "Read a whole store and name what is damaged or missing.", STORE_EPILOG)
    parser = _store(
        stages, "store-gc", "Remove from a store what is no longer used, beside running jobs too.", GC_EPILOG
    )
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="results unused for longer go")
    parser.add_argument("--larger-than", type=float, metavar="GB", help="beyond it the least recently used go first")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")

    parser = stage(stages, "publish-votes", "Write votes for other projects to import.")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = PUBLISH_EPILOG
    files(parser, "--votes", "votes tables of one teacher")
    parser.add_argument("--title", required=True, help="the teacher, for people")
    file(parser, "--output", "directory, written; it must not exist")


def _store(stages: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    parser = stage(stages, name, summary)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = epilog
    parser.add_argument("--store", required=True, metavar="PLACE", help="a directory, or s3://BUCKET/PREFIX")
    return parser
