"""Text that others wrote: it stays text wherever it is shown, and ordinary text stays as it is."""

import pytest

from umui.files.outside import in_csv, in_markdown, plain

ORDINARY = ["A dog barks.", "Ein Café – 5 °C", "नमस्ते", "👩‍👩‍👧", "a_b*c", "C:\\films", "", "1-2", "שלום"]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    assert plain(text) == in_markdown(text) == in_csv(text) == text


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x9b31m", "a\rb", "a\nb", "a\u202egpj.exe", "\ud83d", "\x07", "a\u2028b", "\x00"]
)
def test_what_is_not_seen_is_shown_as_an_escape(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert "\\" in shown
    shown.encode()


def test_what_is_kept_is_kept() -> None:
    assert plain("a\n\tb\x1b", kept="\n\t") == "a\n\tb\\x1b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),
        ("![x](http://a.b/c)", r"!\[x\](http\://a.b/c)"),
        ("[x]: javascript:alert(1)", r"\[x\]: javascript:alert(1)"),
        ("see https://a.b and www.a.b", r"see https\://a.b and www\.a.b"),
        ("two\nlines", "two lines"),
        ("\x1b[31m", r"\\x1b\[31m"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_a_cell_of_a_page_shows_what_was_written(text: str, shown: str) -> None:
    assert in_markdown(text) == shown


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+cmd|x", "-2+3+cmd|x", "\t=1", "\r=1", "-a"])
def test_a_formula_is_none(text: str) -> None:
    assert in_csv(text) == f"'{text}"


@pytest.mark.parametrize("number", ["-1", "+0.5", "-.5", "-1e-3", "85 %", "-3%"])
def test_a_number_is_a_number(number: str) -> None:
    assert in_csv(number) == number
