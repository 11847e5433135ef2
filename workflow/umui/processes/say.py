"""Lines for whoever watches a stage or reads its log."""

import sys


def say(line: str, of: str = "") -> None:
    """Write a line to standard error at once; `of` names what speaks, such as the store, where that is not plain."""
    print(f"{of}: {line}" if of else line, file=sys.stderr, flush=True)
