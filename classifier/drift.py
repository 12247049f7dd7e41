"""Sites whose text is no longer what it was: the shares of labels in a run beside those of the sites' profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from classifier.schema import LABELS, Label
from classifier.sites import STEPS, Profiles, SiteProfile

# Documents on both sides below which nothing is said, and how far a share must have moved: by so much of a document, which
# is worth a look, and by so many standard errors. Of 20 documents drawn at random from a site, beside up to 200 of its
# others, these name 0.3 %, and 90 % when navigation comes to a fifth of each of the 20 (`python -m training.memory DATA`);
# with 10 documents 1.4 % and 86 %, with three standard errors 0.6 % and 92 %.
FEWEST, LEAST, DEVIATION = 20, 0.1, 4.0
# No less than so much is taken for the standard deviation of a document's share: documents that are all alike, on a
# site or in a sample of it, would make any change look certain.
SPREAD = 0.05


class Jump(NamedTuple):
    """A label whose share in the documents of a site jumped: means over documents, and how many standard errors apart."""

    site: str
    label: Label
    before: float
    now: float
    documents_before: int
    documents_now: int
    deviation: float

    def as_dict(self) -> dict[str, object]:
        """The jump as a JSON object."""
        return {**self._asdict(), "label": self.label.value}


def jumps(shares: Mapping[str, Sequence[int]], profiles: Profiles) -> list[Jump]:
    """The sites whose label shares jumped, the largest jump first; of each site its largest, of boilerplate where it has one.

    shares: of a run, by host, as `sites.counts` has them, summed. The test is Welch's (1947): the difference of
    two means over the root of the sum of their squared standard errors, so that what counts is how documents of
    one site differ among themselves, on either side.
    """
    found = []
    for name, row in shares.items():
        known = profiles.find(name)
        if known and min(known.documents, row[0]) >= FEWEST:
            seen = SiteProfile.of(row, {})
            of_site = [_jump(name, known, seen, number) for number in range(len(LABELS))]
            moved = [jump for jump in of_site if jump]
            found += sorted(moved, key=lambda jump: (jump.label is Label.CONTENT, *_size(jump)))[:1]
    return sorted(found, key=_size)


def _jump(name: str, known: SiteProfile, seen: SiteProfile, number: int) -> Jump | None:
    (before, error), (now, error_now) = (_mean(side, number) for side in (known, seen))
    deviation = (now - before) / math.sqrt(error + error_now)
    if abs(now - before) < LEAST or abs(deviation) < DEVIATION:
        return None
    return Jump(name, LABELS[number], round(before, 4), round(now, 4), known.documents, seen.documents, round(deviation, 1))


def _mean(side: SiteProfile, number: int) -> tuple[float, float]:
    """The mean share of a label in the documents of a site, and the square of its standard error."""
    mean = side.sums[number] / side.documents / STEPS
    squares = side.squares[number] / side.documents / STEPS**2
    variance = (squares - mean * mean) * side.documents / (side.documents - 1)
    return mean, max(variance, SPREAD**2) / side.documents


def _size(jump: Jump) -> tuple[float, str, str]:
    return -abs(jump.now - jump.before), jump.site, jump.label
