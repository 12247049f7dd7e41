"""What an imported file says, before it is checked."""

from __future__ import annotations

from typing import NamedTuple


class Labelled(NamedTuple):
    """A label at a place of a document. number: its own, in the journal; where: in the file; quoted: the text, if it says."""

    where: str
    number: int
    start: int
    end: int
    label: str
    quoted: str | None


class Aside(NamedTuple):
    """What was set aside: where it stands in the file, and why."""

    where: str
    reason: str
    detail: str

    def __str__(self) -> str:
        """For a message."""
        return f"{self.where}: {self.reason}: {self.detail}"
