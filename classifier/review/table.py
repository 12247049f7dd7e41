"""Items as CSV, for a spreadsheet: a row each, its label to be filled in.

With a byte-order mark, without which Excel takes UTF-8 for the system's old code page and ruins Chinese. Text that a
spreadsheet would take for a formula is guarded on the way out, and freed on the way in.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping

from classifier.review.journal import SKIP, Journal
from classifier.review.labelled import Aside, Labelled
from classifier.safe import for_cell, from_cell
from classifier.schema import InputError

COLUMNS = ("id", "site", "start", "end", "label", "text", "guess", "confidence")
_NEEDED = ("id", "start", "end", "label", "text")


def rows(journal: Journal) -> bytes:
    """The table of all items; the label is empty where there is no answer yet, or it was skipped."""
    out = io.StringIO(newline="")
    table = csv.writer(out, quoting=csv.QUOTE_ALL)
    table.writerow(COLUMNS)
    for item in journal.items:
        number, start, end = item.places[0]
        document = journal.document(number)
        label = journal.answers.get(item.key, "")
        cells = (
            str(document.id),
            document.site,
            start,
            end,
            "" if label == SKIP else label,
            document.text[start:end],
            item.guess,
            item.confidence,
        )
        table.writerow([for_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig", "backslashreplace")


def read(raw: bytes, name: str, journal: Journal) -> Iterator[Labelled | Aside]:
    """The rows of a table, whatever a spreadsheet separates them by. Raises InputError when it is not one of ours."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start + 1} is not UTF-8: save it as CSV UTF-8") from None
    separator = max(",;\t", key=text.partition("\n")[0].count)
    csv.field_size_limit(sys.maxsize)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = [column for column in _NEEDED if column not in (table.fieldnames or ())]
    if missing:
        raise InputError(f"{name}:1: no column {', '.join(missing)}: keep the first line as it was exported")
    numbers: dict[str, list[int]] = {}
    for number, document in journal.documents():
        numbers.setdefault(_as_written(str(document.id)), []).append(number)
    line = 1
    try:
        for row in table:
            line, begun = table.line_num, line + 1
            yield _row(row, f"{name}:{begun}", numbers, journal)
    except csv.Error as error:
        raise InputError(f"{name}:{line + 1}: no CSV ({error})") from None


def _row(row: Mapping[str, str | None], where: str, numbers: Mapping[str, list[int]], journal: Journal) -> Labelled | Aside:
    cells = {column: from_cell(row[column] or "") for column in _NEEDED}
    try:
        start, end = int(cells["start"]), int(cells["end"])
    except ValueError:
        return Aside(where, "not at its place", f"start {cells['start']!r}, end {cells['end']!r}: keep these as exported")
    known = numbers.get(cells["id"], [])
    if not known:
        return Aside(where, "unknown document", f"id {cells['id']!r}")
    # Of several documents with one id, the one that says this there.
    number = next((number for number in known if journal.document(number).text[start:end] == cells["text"]), known[0])
    return Labelled(where, number, start, end, cells["label"], cells["text"])


def _as_written(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
