"""Tables as files that a spreadsheet opens, and runs nothing of."""

import csv
import io
from collections.abc import Iterable, Sequence

Cell = str | int | float | None
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a formula may begin with (OWASP, CSV injection)."""


def csv_of(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV (RFC 4180): numbers as they are, nothing for None, and texts that are no formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([harmless(header) for header in headers])
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return written.getvalue()


def harmless(cell: Cell) -> Cell:
    """Return what a spreadsheet shows as it is written."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_RUNS):
        return f"'{cell}"
    return cell
