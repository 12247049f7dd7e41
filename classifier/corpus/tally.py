"""Counts of a run: mergeable, bounded, and the same in whatever groups the documents come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

# Removed strings and sites that are counted: beyond, the rarest go and are counted together.
_STRINGS = 20_000
_SITES = 100_000
# Decisions near their threshold that are kept to be shown.
SAMPLES = 40
_TOP = 50
# A site deviates when its share removed lies this many times the typical deviation, and at least so
# much, from the median of the sites with enough documents (Iglewicz and Hoaglin, 1993: modified z-score).
_DEVIATION, _LEAST, _DOCUMENTS = 3.5, 0.1, 5
_REST = "(other)"


@dataclass(slots=True)
class Tally:
    """What was counted.

    unread: documents that a limit, or a failure, left unread in part, and kept there.
    texts: by language of most of the text, documents; parts: by "label language", segments,
    characters and removed characters; sites: documents, characters and removed characters.
    strings: removed pieces of text; samples: decisions near the threshold, the lowest by a hash of
    their places; verdicts: why documents were dropped or left as they are; rejects: by reason.
    kinds: by the name of a kind, spans, characters and removed characters. rules: by the number of a rule, documents and
    stretches that it decided, and their characters. shares: of sites that have a profile, as `sites.counts` has them.
    """

    documents: int = 0
    unread: int = 0
    written: int = 0
    dropped: int = 0
    characters: int = 0
    removed: int = 0
    texts: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[int]] = field(default_factory=dict)
    kinds: dict[str, list[int]] = field(default_factory=dict)
    sites: dict[str, list[int]] = field(default_factory=dict)
    strings: dict[str, int] = field(default_factory=dict)
    samples: list[list[Any]] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    rejects: dict[str, int] = field(default_factory=dict)
    rules: dict[str, list[int]] = field(default_factory=dict)
    shares: dict[str, list[int]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Counts what another has counted."""
        for name in ("documents", "unread", "written", "dropped", "characters", "removed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, theirs in (
            (self.texts, other.texts),
            (self.strings, other.strings),
            (self.verdicts, other.verdicts),
            (self.rejects, other.rejects),
        ):
            for key, number in theirs.items():
                mine[key] = mine.get(key, 0) + number
        for rows, more in (
            (self.parts, other.parts),
            (self.kinds, other.kinds),
            (self.sites, other.sites),
            (self.rules, other.rules),
            (self.shares, other.shares),
        ):
            for key, row in more.items():
                rows[key] = [a + b for a, b in zip(rows.get(key, [0] * len(row)), row, strict=True)]
        self.samples = sorted(self.samples + other.samples, key=lambda sample: sample[0])[:SAMPLES]
        self._bound()

    def reject(self, reason: str) -> None:
        """Counts a record set aside."""
        self.rejects[reason] = self.rejects.get(reason, 0) + 1

    def _bound(self) -> None:
        if len(self.strings) > 2 * _STRINGS:
            self.strings = dict(Counter(self.strings).most_common(_STRINGS))
        if len(self.sites) > 2 * _SITES:
            rest = [self.sites.pop(_REST, [0, 0, 0])]
            order = sorted(self.sites.items(), key=lambda item: (-item[1][0], item[0]))
            rest += [row for _, row in order[_SITES:]]
            self.sites = {**dict(order[:_SITES]), _REST: [sum(column) for column in zip(*rest, strict=True)]}

    @property
    def set_aside(self) -> int:
        """Records that became rejects."""
        return sum(self.rejects.values())

    def as_dict(self) -> dict[str, Any]:
        """All counts, to be read again by `Tally(**counts)`."""
        return {name.name: getattr(self, name.name) for name in fields(self)}

    def summary(self) -> dict[str, Any]:
        """What a report shows: shares, the sites that deviate, the most frequent strings, samples."""
        from statistics import median  # takes longer to load than a short text to clean

        shares = {name: round(row[2] / max(row[1], 1), 4) for name, row in self.sites.items()}
        enough = [name for name, row in self.sites.items() if row[0] >= _DOCUMENTS and name != _REST]
        middle = median(shares[name] for name in enough) if enough else 0.0
        typical = median(abs(shares[name] - middle) for name in enough) if enough else 0.0
        away = [name for name in enough if abs(shares[name] - middle) > max(_LEAST, _DEVIATION * 1.4826 * typical)]
        parts: dict[str, dict[str, dict[str, int]]] = {}
        for key, row in sorted(self.parts.items()):
            label, language = key.split()
            parts.setdefault(label, {})[language] = dict(zip(("segments", "characters", "removed"), row, strict=True))
        return {
            "documents": self.documents,
            "unread": self.unread,
            "written": self.written,
            "dropped": self.dropped,
            "set_aside": self.set_aside,
            "characters": self.characters,
            "removed": self.removed,
            "removed_share": round(self.removed / max(self.characters, 1), 4),
            "documents_by_language": dict(sorted(self.texts.items())),
            "labels": parts,
            "verdicts": dict(sorted(self.verdicts.items())),
            "rejects": dict(sorted(self.rejects.items())),
            "sites": {
                "number": len(self.sites),
                "median_removed_share": round(middle, 4),
                "deviating": [
                    {"site": name, "documents": self.sites[name][0], "removed_share": shares[name]}
                    for name in sorted(away, key=lambda name: (-abs(shares[name] - middle), name))[:_TOP]
                ],
                "largest": [
                    {"site": name, "documents": row[0], "characters": row[1], "removed_share": shares[name]}
                    for name, row in sorted(self.sites.items(), key=lambda item: (-item[1][1], item[0]))[:_TOP]
                ],
            },
            "removed_strings": [
                {"text": text, "times": times}
                for text, times in sorted(self.strings.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
                if times > 1
            ],
            "near_the_threshold": [sample for _, sample in self.samples],
        }
