"""The command line: one subcommand a stage; paths and settings in, one call, nothing else.

The workflow's rules call it; a stage's libraries are imported only when it is asked for.
"""

import argparse
import importlib
import sys

from umui.commands import datasets, evaluation, media, reporting, sharing, student, teacher, use


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; return the exit code.  An expected fault is one message on standard error and exit code 1."""
    chosen = vars(parser().parse_args(arguments))
    module, _, name = chosen.pop("function").partition(":")
    try:
        getattr(importlib.import_module(module), name)(**chosen)
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        print(f"umui: {error}", file=sys.stderr)
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


def parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands, in the order of the data's way through the system."""
    made = argparse.ArgumentParser(prog="umui", description="The stages of the workflow, one subcommand each.")
    stages = made.add_subparsers(required=True, metavar="STAGE")
    for family in (datasets, media, teacher, student, evaluation, reporting, use, sharing):
        family.add(stages)
    return made


if __name__ == "__main__":
    sys.exit(main())
