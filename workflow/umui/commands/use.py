"""Subcommands for people: ask a student, take it elsewhere, trace a number, ask what a run would do."""

import argparse
from pathlib import Path
from typing import Any

from umui.commands.arguments import file, stage, workers
from umui.config.models import Media
from umui.tables import MODALITIES

SCORE_EPILOG = """\
Example, from the repository's directory:
  PYTHONPATH=workflow $(python3.11 workflow/umui/environments/build.py --print-path envs/student.txt)/bin/python \\
    -m umui.cli score --model results/students/clue-d --video clip.mp4 --hypothesis 'The next ball is red.'

Printed are the hypothesis' probability, which is the mean of the predicted distribution over confidence bins from 0 to
1; the central 80 % interval of this distribution, from the first bin where the masses up to it reach 10 % to the first
where they reach 90 %; and the distribution itself.  The interval says how sure the model is of its number; it has not
been checked to hold any share of truths.  A student that answers in words (CLUE-T) has a probability alone.

What cannot be shown gets no probability.  A single clip at fault is an error, with the file, the fault and the remedy,
and exit code 1; in a manifest it is a row with a status, and the rest goes on.
"""


def add(stages: Any) -> None:
    """Add the subcommands to those of the command line."""
    parser = stage(
        stages,
        "score",
        "Ask a student how probable hypotheses are on a clip, a sound or a text.",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = SCORE_EPILOG
    file(parser, "--model", "the student's directory")
    parser.add_argument("--base", help="its base's directory or hub name (default: where it was in the training)")
    parser.add_argument("--video", type=Path, help="a clip; its sound is withheld, unless --modality audiovisual")
    parser.add_argument("--audio", type=Path, help="a recording, or a clip whose sound alone is to be heard")
    parser.add_argument("--text", help="a premise in words, alone or beside a clip or recording")
    parser.add_argument("--modality", choices=MODALITIES, help="what is shown (default: what is given)")
    parser.add_argument(
        "--hypothesis",
        dest="hypotheses",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="a declarative sentence; repeated",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="many rows instead: CSV, JSONL or Parquet; data/README.md has the columns",
    )
    parser.add_argument(
        "--prompt",
        type=Path,
        metavar="FILE",
        help="of a published checkpoint: a template with the blocks system and user",
    )
    parser.add_argument(
        "--media-settings",
        type=Media.model_validate_json,
        metavar="JSON",
        help="of a published checkpoint: the section `media` that its training had",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="one JSON object a line, for machines")
    parser.add_argument("--ffmpeg", metavar="PATH", help="an ffmpeg binary (default: the imageio-ffmpeg wheel's)")
    workers(parser)

    parser = stage(
        stages,
        "export",
        "Merge a student into its base: a checkpoint for transformers and vLLM.",
    )
    file(parser, "--model", "the student's directory")
    parser.add_argument("--base", help="its base's directory or hub name (default: where it was in the training)")
    file(parser, "--output", "the checkpoint's directory, written")

    parser = stage(
        stages,
        "trace",
        "Print how one item's numbers came about, from its file to each error.",
    )
    parser.add_argument("--item", required=True, help="its item_id")
    parser.add_argument("--results", type=Path, default=Path("results"), help="directory (default: results)")

    parser = stage(stages, "explain", "Say before a run which jobs will run, why, and what they cost.")
    parser.add_argument("targets", nargs="*", default=["all"], help="files or rules (default: all)")
    parser.add_argument(
        "--configfiles", type=Path, nargs="+", default=[], help="overlays of the run, as for snakemake --configfile"
    )
