"""Files of documents to profiles of their sites: `classifier profile`.

Documents are labelled and seen in groups, by as many workers as there are, and what was seen is added up:
the profiles are the same in any order and any grouping.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import features, job, sites
from classifier.corpus import pieces, run, workers
from classifier.corpus.pieces import Piece
from classifier.corpus.run import Done
from classifier.corpus.sources import STANDARD_INPUT, expand
from classifier.corpus.tally import Tally
from classifier.job import Job
from classifier.result import Result
from classifier.schema import LABELS, InputError
from classifier.sites import Profiles, SiteProfile

# Documents whose segments are digested together.
_TOGETHER = 64
_NUMBERS = 1 + 3 * len(LABELS)
_WITHOUT_END = 1 << 62  # bytes of a shard: nothing is written shard by shard


@dataclass(slots=True)
class Sighted:
    """What was seen of one site.

    counts: documents, then a number a label of characters, of shares and of their squares, as in `SiteProfile`.
    held: the digests of the segments of the documents that are compared, by a digest of each document's text.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_NUMBERS, np.int64))
    held: dict[int, NDArray[np.uint64]] = field(default_factory=dict)

    def compare(self, most: int) -> None:
        """Compares so many documents at most: those with the lowest digests."""
        if len(self.held) > most:
            self.held = {name: self.held[name] for name in sorted(self.held)[:most]}


@dataclass(slots=True)
class Sightings:
    """What was seen of sites, by host. most: documents of one that are compared; unnamed: documents that name no site."""

    seen: dict[str, Sighted] = field(default_factory=dict)
    most: int = sites.COMPARED
    documents: int = 0
    unnamed: int = 0

    def add(self, other: Sightings) -> None:
        """Adds what was seen elsewhere."""
        self.documents += other.documents
        self.unnamed += other.unnamed
        self.most = min(self.most, other.most)
        for name, theirs in other.seen.items():
            mine = self.seen.setdefault(name, Sighted())
            mine.counts += theirs.counts
            mine.held |= theirs.held
            if len(mine.held) > 2 * self.most:
                mine.compare(self.most)
        self._bound()

    def _bound(self) -> None:
        if len(self.seen) > 2 * sites.SITES:
            order = sorted(self.seen, key=lambda name: (-int(self.seen[name].counts[0]), name))
            self.seen = {name: self.seen[name] for name in order[: sites.SITES]}
        # Held documents only become more, so that the last bound is the same in whatever order they come.
        while self.most > sites.FEWEST and sum(min(len(seen.held), self.most) for seen in self.seen.values()) > sites.HELD:
            self.most //= 2
            for seen in self.seen.values():
                seen.compare(self.most)

    def profiles(self) -> Profiles:
        """The profiles of the sites with documents enough to repeat anything."""
        found = {}
        for name, seen in sorted(self.seen.items()):
            if seen.counts[0] >= sites.LEAST_DOCUMENTS:
                seen.compare(self.most)
                found[name] = SiteProfile.of(seen.counts.tolist(), _repeated(list(seen.held.values())))
        return Profiles(found)


def _repeated(held: Sequence[NDArray[np.uint64]]) -> dict[int, int]:
    digests, times = np.unique(np.concatenate(held), return_counts=True)
    many = times >= sites.LEAST_DOCUMENTS
    return sites.most_frequent(dict(zip(digests[many].tolist(), times[many].tolist(), strict=True)))


def observe(results: Sequence[Result], hosts: Iterable[str | None]) -> Sightings:
    """What labelled documents show of their sites."""
    seen = Sightings(documents=len(results))
    named = [(host, result) for host, result in zip(hosts, results, strict=True) if host and len(result.segments)]
    seen.unnamed = len(results) - len(named)
    for start in range(0, len(named), _TOGETHER):
        group = named[start : start + _TOGETHER]
        for (host, result), digested in zip(group, digests([result for _, result in group]), strict=True):
            site = seen.seen.setdefault(host, Sighted())
            site.counts += sites.counts(result.sizes, result.probabilities)
            own = np.unique(digested)
            site.held[_name(result.text)] = own[own > 0][: sites.SEGMENTS]
    return seen


def digests(results: Sequence[Result]) -> Iterator[NDArray[np.uint64]]:
    """The digests of the segments of each document."""
    rows = features.rows(*zip(*(result.labelled for result in results), strict=True))
    found = sites.digests(rows)
    for first, stop in zip(rows.documents[:-1], rows.documents[1:], strict=True):
        yield found[first:stop]


def _name(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Gathered(NamedTuple):
    """Of a piece of input: what is counted of it, as in any run, and what was seen."""

    done: Done
    seen: Sightings


def gather(
    names: Sequence[str],
    made: Job,
    kind: str,
    processes: int,
    most_rejects: int | None,
    begin: Callable[[int, int], None],
    show: Callable[[Done], None],
) -> tuple[Sightings, Tally]:
    """Reads and labels files of documents; returns what was seen of their sites, and the counts.

    names: files, folders, patterns; standard input where there are none. made: the fields, the model and the limits.
    kind: what the files hold, "auto" to look. most_rejects: stop beyond so many. begin: told the bytes of all files;
    show: told every piece. Raises InputError for what cannot be read, and when no document names a site; ModelError
    for a refused model; RunStopped beyond so many rejects.
    """
    made = replace(made, command="profile", setup=replace(made.setup, rules=None, profiles=None))
    sources = expand(names or [STANDARD_INPUT])
    job.start(made)
    begin(sum(source.size for source in sources), 0)
    work = pieces.pieces(sources, kind, made.setup.limits, _WITHOUT_END)
    task: workers.Task[Piece, Gathered] = workers.Task(
        partial(job.start, made), partial(_see, made.site), Piece.halve, _give_up
    )
    seen, tally = Sightings(), Tally()
    with closing(workers.run(work, task, processes)) as parts:
        for done, more in parts:
            seen.add(more)
            tally.add(done.tally)
            run.check(tally.set_aside, most_rejects, done)
            show(done)
    if seen.unnamed == seen.documents:
        raise InputError(
            f"none of {seen.documents} documents names its site: see --site-field, or say --site NAME where all are of one"
        )
    return seen, tally


def _see(site: str | None, piece: Piece) -> Gathered:
    records, rejects, results = job.labelled(piece)
    tally = Tally(documents=len(records), characters=sum(len(record.text) for record in records))
    for reject in rejects:
        tally.reject(reject.reason)
    seen = observe(results, [sites.host(record.site or site) for record in records])
    return Gathered(Done(piece.emptied(), {}, rejects, tally), seen)


def _give_up(piece: Piece, why: str) -> Gathered:
    return Gathered(job.give_up(piece, why), Sightings())
