"""What site memory gains, and how often drift is a false alarm.

    python -m training.memory DATA

DATA: a folder with `train*`, `dev*` and `pool/`, as `training.data` reads them. Profiles are gathered from the
unlabelled text of all documents of a site; judged are annotated units, picked ones too, of sites with 20 documents or
more, which the model was fitted on, and of the sites of `dev*` with three or more, which it was not. Prints how many
characters of boilerplate are kept, and of content lost, without memory and with it, for other values of its constants.
Then drift: halves of sites drawn at random, which are to be called alike, and the same with navigation added.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier import decide, drift, gather, sites
from classifier.decide import Mark
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.schema import LABELS, ClassifierError, Label, Policy
from classifier.sites import Profiles, SiteProfile
from training import data

PRESETS = ("balanced", "careful")
LEAST = {"fitted on": 20, "not fitted on": 3}  # documents of a site
ALL = 1 << 30
NAVIGATION = LABELS.index(Label.NAVIGATION)


@dataclass(frozen=True, slots=True)
class Variant:
    """Values to try: documents compared, documents that must hold a segment, probability from which it goes by language."""

    compared: int = sites.COMPARED
    least: int = sites.LEAST_DOCUMENTS
    english: float = 0.7
    chinese: float = 0.8


VARIANTS = (
    Variant(),
    *(Variant(english=english, chinese=chinese) for english, chinese in ((0.6, 0.75), (0.65, 0.8), (0.7, 0.7), (0.75, 0.8))),
    Variant(english=0.8),
    *(Variant(compared=compared) for compared in (128, 512, ALL)),
    Variant(least=5),
)


@dataclass(frozen=True, slots=True)
class Read:
    """A document of a site, labelled: the units to judge, the digests of its segments, and `sites.counts` of it."""

    units: list[data.Unit]
    result: Result
    digests: NDArray[np.uint64]
    counts: NDArray[np.int64]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.memory", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*, dev* and pool/")
    options = parser.parse_args(arguments)
    try:
        groups = {name: _by_site(documents, LEAST[name]) for name, documents in _documents(options.data).items()}
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    classifier = Classifier.load()
    for name, by_site in groups.items():
        read = {site: list(_read(classifier, documents)) for site, documents in by_site.items()}
        seen = gather.Sightings(most=ALL)
        for site, documents in read.items():
            seen.add(gather.observe([document.result for document in documents], [site] * len(documents)))
        print("\n".join(_table(name, read, seen)))
        if name == "fitted on":
            print("\n".join(alarms([np.array([document.counts for document in documents]) for documents in read.values()])))
    return 0


def _documents(folder: Path) -> dict[str, list[data.Document]]:
    """Annotated documents to fit on with the pools' others, and those of `dev*`."""
    known = {data.text_digest(document.text): document for document in data.annotated(folder)}
    for document in data.pool(folder):
        if document.text and document.site != document.id:  # a site of its own is none
            known.setdefault(document.id, document)
    return {"fitted on": list(known.values()), "not fitted on": data.read(data.files(folder, "dev"))}


def _by_site(documents: Sequence[data.Document], least: int) -> dict[str, list[data.Document]]:
    found: dict[str, list[data.Document]] = defaultdict(list)
    for document in documents:
        found[document.site].append(document)
    return {site: own for site, own in found.items() if len(own) >= least}


def _read(classifier: Classifier, documents: Sequence[data.Document]) -> Iterator[Read]:
    for at in range(0, len(documents), 64):
        group = documents[at : at + 64]
        results = classifier.label_many([document.text for document in group])
        for document, result, digests in zip(group, results, gather.digests(results), strict=True):
            if len(result.segments):
                counts = sites.counts(result.sizes, result.probabilities)
                yield Read(document.all_units, result, digests, counts)


def _table(name: str, read: dict[str, list[Read]], seen: gather.Sightings) -> Iterator[str]:
    judged = [document for own in read.values() for document in own if document.units]
    yield f"sites {name}: {len(read)}, documents {sum(map(len, read.values())):,}, judged {len(judged):,}"
    before = {preset: _figures(judged, [document.result for document in judged], preset) for preset in PRESETS}
    for preset, (lost, content, kept, junk) in before.items():
        yield f"{preset:9} without: content lost {lost:,} of {content:,}, boilerplate kept {kept:,} of {junk:,}"
    yield f"{'compared':>8} {'least':>5} {'en':>5} {'zh':>5}" + "".join(f"{preset + ': kept, lost':>26}" for preset in PRESETS)
    chosen = decide.REPEATED_FROM.copy()
    for variant in sorted(VARIANTS, key=lambda one: -one.compared):  # comparing fewer cannot be undone
        seen.most = variant.compared
        known = {site: _known(profile, variant.least) for site, profile in seen.profiles().sites.items()}
        results = [_marked(document, known[site]) for site, own in read.items() for document in own if document.units]
        decide.REPEATED_FROM[:2] = variant.english, variant.chinese
        cells = ""
        for preset in PRESETS:
            lost, _, kept, _ = _figures(judged, results, preset)
            cells += f"{kept - before[preset][2]:+13,} {lost - before[preset][0]:+12,}"
        decide.REPEATED_FROM[:] = chosen
        compared = "all" if variant.compared == ALL else variant.compared
        yield f"{compared:>8} {variant.least:5} {variant.english:5} {variant.chinese:5}{cells}"


def _known(profile: SiteProfile, least: int) -> NDArray[np.uint64]:
    return np.array([digest for digest, times in profile.repeated.items() if times >= least], np.uint64)


def _marked(document: Read, known: NDArray[np.uint64]) -> Result:
    marks = np.isin(document.digests, known) * np.uint8(Mark.REPEATED)
    return replace(document.result, marks=marks)


def _figures(judged: Sequence[Read], results: Sequence[Result], preset: str) -> tuple[int, int, int, int]:
    """Characters of content lost and of all content, of boilerplate kept and of all boilerplate, in units."""
    lost = content = kept = junk = 0
    for document, result in zip(judged, results, strict=True):
        gone = [(span.start, span.end) for span in result.with_policy(Policy(preset)).spans if not span.kept]
        for start, end, label in document.units:
            removed = sum(max(0, min(end, stop) - max(start, first)) for first, stop in gone)
            if label == Label.CONTENT:
                lost, content = lost + removed, content + end - start
            else:
                kept, junk = kept + end - start - removed, junk + end - start
    return lost, content, kept, junk


def alarms(counts: Sequence[NDArray[np.int64]], rounds: int = 100) -> Iterator[str]:
    """How often drift names a site whose documents are split at random, and one that gained navigation.

    counts: of each site, `sites.counts` of its documents.
    """
    added = (0.0, 0.1, 0.15, 0.2, 0.3)
    yield "drift: sites named, by navigation added as a share of the new document"
    yield f"{'documents':>9} {'errors':>6} {'pairs':>6}" + "".join(f"{share:8.0%}" for share in added)
    chosen = drift.FEWEST, drift.DEVIATION
    for fewest, deviation in product((10, 20), (3.0, 4.0, 5.0)):
        drift.FEWEST, drift.DEVIATION = fewest, deviation
        dice = np.random.default_rng(0)
        named = np.zeros(len(added), np.int64)
        pairs = 0
        for own in [own for own in counts if len(own) >= 2 * fewest] * rounds:
            order = dice.permutation(len(own))
            before, now = own[order[:-fewest][:200]], own[order[-fewest:]]
            profiles = Profiles({"site": SiteProfile.of(before.sum(0).tolist(), {})})
            named += [bool(drift.jumps({"site": _grown(now, share).sum(0).tolist()}, profiles)) for share in added]
            pairs += 1
        yield f"{fewest:9} {deviation:6} {pairs:6}" + "".join(f"{number / max(pairs, 1):8.2%}" for number in named)
    drift.FEWEST, drift.DEVIATION = chosen


def _grown(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Documents with navigation added that takes such a share of what they then are."""
    characters = counts[:, 1 : 1 + len(LABELS)].copy()
    total = characters.sum(1)
    characters[:, NAVIGATION] += (total * share / (1 - share)).astype(np.int64)
    shares = characters * sites.STEPS // np.maximum(characters.sum(1, keepdims=True), 1)
    return np.concatenate([counts[:, :1], characters, shares, shares * shares], axis=1)


if __name__ == "__main__":
    sys.exit(main())
