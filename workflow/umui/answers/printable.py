"""Text from anywhere, in characters that can be written."""


def printable(text: str) -> str:
    """Return `text` with invalid Unicode, such as half of a cut emoji, as escapes."""
    return text.encode(errors="backslashreplace").decode()
