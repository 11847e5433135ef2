"""What of a file became no row of a table, and why."""

from dataclasses import asdict, dataclass
from typing import Any

LONGEST_VALUE = 200  # characters of a value that are kept


@dataclass(frozen=True)
class LeftOut:
    """A row or field that came to nothing; the columns are those of the left_out table."""

    source: str
    row: int
    column: str
    value: str
    status: str
    reason: str

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of the left_out table, in characters that can be written."""
        return asdict(self) | {"value": self.value[:LONGEST_VALUE].encode(errors="backslashreplace").decode()}
