"""Labels that come back from elsewhere, checked against what was asked, and put into the journal.

What is wrong is set aside with its place and reason, and nothing else of the file with it: an unknown label or
document, a place beyond the text, or one where the text does not say what the file says it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from classifier.corpus.outputs import write
from classifier.review import label_studio, table
from classifier.review.journal import MIXED, SKIP, Journal, Place, Unit
from classifier.review.labelled import Aside, Labelled
from classifier.schema import InputError

KINDS = ("label-studio", "csv")
_MOST_BYTES = 500_000_000
_SPACE = re.compile(r"\\[nrt]|\s+")


@dataclass(slots=True)
class Taken:
    """What an import did. answers: items that were answered; units: places that were no item; empty: rows without a label."""

    answers: int = 0
    units: int = 0
    empty: int = 0
    aside: list[Aside] = field(default_factory=list)


def files(kind: str, path: Path) -> list[Path]:
    """What `export` writes: a table, or tasks and the interface for them. Raises InputError for an unknown kind."""
    if kind not in KINDS:
        raise InputError(f"--export {kind!r}: use one of {', '.join(KINDS)}")
    return [path] if kind == "csv" else [path, path.with_suffix(".xml")]


def export(journal: Journal, kind: str, path: Path) -> list[Path]:
    """Writes what is asked, answers included, for another tool; returns the files. Raises RunStopped when it cannot."""
    written = files(kind, path)
    parts = [table.rows(journal)] if kind == "csv" else [label_studio.tasks(journal), label_studio.config(journal)]
    for name, part in zip(written, parts, strict=True):
        write(name, part)
    return written


def take(journal: Journal, path: Path) -> Taken:
    """Takes the labels of a file that `export` wrote and people worked on. Raises InputError when it is neither kind."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} has more than {_MOST_BYTES:,} bytes: split it")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    reader: Callable[[bytes, str, Journal], Iterable[Labelled | Aside]]
    reader = label_studio.read if raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") else table.read
    taken = Taken()
    allowed = {name.casefold(): name for name in journal.allowed}
    good = [entry for found in reader(raw, str(path), journal) if (entry := _checked(found, journal, allowed, taken))]
    _apply(journal, good, taken)
    return taken


def _checked(found: Labelled | Aside, journal: Journal, allowed: Mapping[str, str], taken: Taken) -> Labelled | None:
    """A label whose place is right, or None, and it is counted why not. allowed: answers by their names, case folded."""
    if isinstance(found, Aside):
        taken.aside.append(found)
        return None
    name = found.label.strip()
    if not name:
        taken.empty += 1
        return None
    label = allowed.get(name.casefold())
    if label is None:
        said = f"{found.label!r}: use one of {', '.join(allowed.values())}, or declare it with --kind"
        taken.aside.append(Aside(found.where, "unknown label", said))
        return None
    text = journal.document(found.number).text
    place = _placed(found, text)
    if place is None:
        quoted = f", where the file has {found.quoted[:40]!r}" if found.quoted is not None else ""
        detail = f"{found.start} to {found.end} of {len(text)} characters{quoted}"
        taken.aside.append(Aside(found.where, "not at its place", detail))
        return None
    return found._replace(label=label, start=place[0], end=place[1])


def _placed(found: Labelled, text: str) -> tuple[int, int] | None:
    """Where a label stands, in code points. An older Label Studio counts UTF-16 units; what it quotes tells."""
    start, end = found.start, found.end
    if 0 <= start < end <= len(text) and (found.quoted is None or _same(text[start:end], found.quoted)):
        return start, end
    if found.quoted is not None and 0 <= start < end:
        units = text.encode("utf-16-le", "surrogatepass")
        before, inside = units[: 2 * start], units[2 * start : 2 * end]
        try:
            first, piece = len(before.decode("utf-16-le")), inside.decode("utf-16-le")
        except UnicodeDecodeError:
            return None
        if 2 * end <= len(units) and _same(piece, found.quoted):
            return first, first + len(piece)
    return None


def _same(text: str, quoted: str) -> bool:
    """Whether a text is what was quoted: tools change white space, write \\n for a line break, and escape lone surrogates."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text == quoted or _SPACE.sub("", plain) == _SPACE.sub("", quoted)


def _apply(journal: Journal, good: list[Labelled], taken: Taken) -> None:
    """Answers where a place is an item's, units where it is not."""
    items = {item.places[0]: item for item in journal.items}
    seen: dict[Place, Labelled] = {}
    free: dict[int, list[Labelled]] = {}
    for found in good:
        place = (found.number, found.start, found.end)
        if place in seen:
            taken.aside.append(Aside(found.where, "labelled twice", f"as {seen[place].label} in {seen[place].where}"))
            continue
        seen[place] = found
        if place in items:
            key = items[place].key
            if journal.answers.get(key) != found.label:
                journal.answer(key, found.label)
            taken.answers += 1
        elif found.label in (MIXED, SKIP):
            taken.aside.append(
                Aside(found.where, "not an item", f"{found.label} says nothing of a place that was not asked about")
            )
        else:
            _stand(free.setdefault(found.number, []), found, taken)
    for number, labels in free.items():
        units: list[Unit] = sorted((found.start, found.end, found.label) for found in labels)
        journal.set_units(number, units)
        taken.units += len(units)
        for place, item in items.items():
            if (
                place[0] == number
                and item.key not in journal.answers
                and any(a < place[2] and place[1] < b for a, b, _ in units)
            ):
                journal.answer(item.key, MIXED)  # somebody drew its borders elsewhere


def _stand(labels: list[Labelled], found: Labelled, taken: Taken) -> None:
    for other in labels:
        if other.start < found.end and found.start < other.end:
            taken.aside.append(Aside(found.where, "overlaps", f"{other.start} to {other.end}, {other.label} in {other.where}"))
            return
    labels.append(found)


def counts(aside: Iterable[Aside]) -> Mapping[str, int]:
    """How many were set aside, by reason."""
    found: dict[str, int] = {}
    for entry in aside:
        found[entry.reason] = found.get(entry.reason, 0) + 1
    return found
