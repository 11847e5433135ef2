"""Text that others wrote, made so that it can be shown: in a terminal, a page and a spreadsheet it stays text."""

import re
import unicodedata

UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, such as those that begin escape sequences; halves of pairs; line ends
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # what is read the other way
LINES_AND_DIRECTIONS = "".join(sorted({"\n", "\r", "\t", *TURNING}))
MARKS = re.compile(r"[\[\]|]")
ADDRESS = re.compile(r"(?i)(:(?=//)|(?<=\bwww)\.)")
FORMULA = re.compile(r"^[=@\t\r]|^[+-](?!\.?\d[\d.,]*([eE][+-]?\d+)?%?$)")


def plain(text: str, kept: str = "") -> str:
    """Return `text` with what moves a cursor, ends a line or turns the direction as escapes, but for what is `kept`."""
    return "".join(
        char if char in kept or not _is_unseen(char) else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def _is_unseen(char: str) -> bool:
    return char in TURNING or unicodedata.category(char) in UNSEEN


def in_markdown(text: str) -> str:
    """Return `text` as a cell of a Markdown table that shows it: without markup, links, pictures or another cell."""
    shown = plain(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    shown = MARKS.sub(r"\\\g<0>", shown.replace("\\", "\\\\")) if MARKS.search(shown) else shown
    return ADDRESS.sub(r"\\\1", shown)


def in_csv(text: str) -> str:
    """Return `text` as a field in which a spreadsheet program sees no formula, and a terminal no escape sequence.

    What looks like a formula gets an apostrophe in front.
    """
    return plain(f"'{text}" if FORMULA.search(text) else text, kept=LINES_AND_DIRECTIONS)
