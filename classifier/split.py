"""Cuts that only a model can find: inside a sentence, where the two sides are of different kind.

"…the figures show a decline Reserve your seat today" has no mark between its halves, but a
capital; the first stage's scores of what stands to either side tell whether a new piece
begins there. Scores are sums over n-grams, so those of any part of a segment are a
difference of two running sums. All of it is whole numbers: a document is cut alike in any
batch and on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import context, features, language, places
from classifier import model as stages
from classifier.places import KINDS, Places
from classifier.points import distinct, in_batch, member, starts_of
from classifier.schema import LANGUAGES, Language, Segments
from classifier.sums import rounded_logs

# A shorter segment stays whole, nor is a shorter part cut off: there is too little to hear, and
# without these bounds this stage takes twice the time (`python -m training.benchmark`) and meets
# no more borders between annotated units (`python -m training.evaluate`).
SHORTEST_PART = 4
SHORTEST = np.array([12 if name is Language.ZH else 24 for name in LANGUAGES])
# Between documents, so that no word of one is read as a neighbour of another's, nor as the second behind it.
_GAP = "\n.\n.\n"
_HAN = re.compile("[\u3400-\u9fff]")

# What speaks for a cut: `gap`, how much better two labels fit the two sides than one fits both,
# by their own scores; `lift`, the same by sums that long sides dominate; how long the sides
# are, in logarithms; and what stands around. A feature that is true counts UNIT.
UNIT = 16
FEATURES = ("gap", "lift", "size left", "size right", "capital before", "capital after", "begins", *KINDS)
_SIZES = rounded_logs(UNIT // 2, UNIT, 4096)
_ZH = LANGUAGES.index(Language.ZH)
# Chinese below, the rest above. `python -m training.splits` prints them; on sites not fitted on
# they meet 12 % of the borders without a mark in glued English units, 9 % in Chinese, and cut in
# two 2 % of the segments that are of one kind.
WEIGHTS = np.array(
    [
        [26, 38, 27, -14, -61, -32, 90, -138, -164, -154],
        [15, 62, -2, -22, -115, 0, 10, -165, -234, -58],
    ],
    np.int64,
)


class Pieces(NamedTuple):
    """Segments taken apart at the places where something may begin, in text order.

    segment: which each belongs to, numbered through the batch; place: the place that
    opens it, -1 at a segment's start; route, table: its language, and the table that reads it;
    sums, grams: its n-grams' weights by label, and their number.
    """

    segment: NDArray[np.int64]
    place: NDArray[np.int64]
    route: NDArray[np.int64]
    table: NDArray[np.int64]
    sums: NDArray[np.int64]
    grams: NDArray[np.int64]


def split(model: stages.Model, texts: Sequence[str], cuts: Sequence[Segments], language_id: str = "exact") -> list[Segments]:
    """Cuts segments again where the model hears two kinds of text in one.

    model: only its first stage is used. texts, cuts: documents and what `segment.cut` made of
    them; language_id: as given to it. Returns a cut for each, the same object where nothing was found.
    """
    found, pieces, offsets = take_apart(model, texts, cuts)
    out = list(cuts)
    if not found.at.size:
        return out
    added = np.sort(found.at[_choose(model, found, pieces)])
    documents = np.searchsorted(offsets, added, side="right") - 1
    again = []
    for number in distinct(documents).tolist():
        cut, extra = cuts[number], added[documents == number] - offsets[number]
        lines = np.array(cut.paragraphs)[np.searchsorted(cut.ends, extra)]
        ends = np.concatenate((cut.ends, extra))
        order = np.argsort(ends)
        paragraphs = np.concatenate((cut.paragraphs, lines))[order].tolist()
        routes = np.array(cut.languages)[np.searchsorted(cut.ends, ends[order])].tolist()
        out[number] = Segments(ends[order].tolist(), paragraphs, routes, cut.chinese_script)
        if language_id == "exact" and _HAN.search(texts[number]):  # only then may the parts of a segment differ in language
            again.append(number)
    routed = language.routes([texts[i] for i in again], [out[i].ends for i in again]) if again else []
    for number, routes in zip(again, routed, strict=True):
        out[number] = replace(out[number], languages=routes)
    return out


def take_apart(model: stages.Model, texts: Sequence[str], cuts: Sequence[Segments]) -> tuple[Places, Pieces, NDArray[np.int64]]:
    """The places of a batch where pieces may begin, the pieces of the segments that hold some, and document offsets.

    Offsets, and the places' too, count from the start of the batch with `_GAP` behind each document.
    """
    joined = "".join(text + _GAP for text in texts)
    offsets = np.cumsum([0, *(len(text) + len(_GAP) for text in texts)])
    stops = in_batch(offsets, [cut.ends for cut in cuts])
    starts = starts_of(offsets, stops)
    routes = np.array([route for cut in cuts for route in cut.languages], np.int64)
    room = np.where(stops - starts < SHORTEST[routes], stops - starts, SHORTEST_PART)
    found = places.find(joined, starts, stops, room)
    owner = np.searchsorted(starts, found.at, side="right") - 1
    held = distinct(owner)
    strings = [joined[a:b] for a, b in zip(starts[held].tolist(), stops[held].tolist(), strict=True)]
    base = np.cumsum([0, *map(len, strings)])
    local = np.searchsorted(held, owner)
    bounds = np.concatenate((base[1:], base[local] + found.at - starts[owner]))
    order = np.argsort(bounds, kind="stable")
    segment = np.concatenate((np.arange(held.size), local))[order]
    # A place ends the piece before it: the piece it opens is the next.
    closing = np.concatenate((np.full(held.size, -1), np.arange(found.at.size)))[order]
    place = np.concatenate((np.full(1, -1), closing))[: closing.size]
    route = routes[held][segment]
    documents = np.cumsum([0, *map(len, cuts)])
    lines = np.array([line for cut in cuts for line in cut.paragraphs], np.int64)
    table = stages.tables(model, stops - starts, routes, lines, documents)[held][segment]
    rows = features.rows(["".join(strings)], [Segments(bounds[order].tolist(), [0] * order.size, route.tolist())])
    grams = features.buckets(rows.grams, rows.bounds, model.bits)
    sums = stages.weight_sums(model.weights, rows, grams, table)
    return found, Pieces(held[segment], place, route, table, sums, stages.gram_count(rows)), offsets


def evidence(
    model: stages.Model, found: Places, pieces: Pieces, bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What speaks for a cut before each piece: pieces x FEATURES, and whether one is possible there.

    bounds: the first piece of every part, ascending: a part is what is still one segment.
    """
    total = np.concatenate((np.zeros((1, pieces.sums.shape[1]), np.int64), np.cumsum(pieces.sums, axis=0)))
    counts = np.concatenate(([0], np.cumsum(pieces.grams)))
    index = np.arange(pieces.grams.size)
    part = np.searchsorted(bounds, index, side="right") - 1
    start, stop = bounds[part], np.append(bounds, index.size)[part + 1]
    sums = [total[b] - total[a] for a, b in ((start, index), (index, stop))]
    sizes = [counts[b] - counts[a] for a, b in ((start, index), (index, stop))]
    scores = [
        context.steps(stages.sums_to_logits(model, side, size, pieces.table)) for side, size in zip(sums, sizes, strict=True)
    ]
    gap = scores[0].max(1) + scores[1].max(1) - (scores[0] + scores[1]).max(1)
    lift = sums[0].max(1) + sums[1].max(1) - (sums[0] + sums[1]).max(1)
    norm = context.SCORE_STEPS * model.scale[pieces.table] / np.sqrt(np.maximum(sizes[0] + sizes[1], 1))
    columns = [gap, np.rint(lift * norm).astype(np.int64)]
    columns += [_SIZES[np.minimum(size, _SIZES.size - 1)] for size in sizes]
    columns += list(found.marks[pieces.place].T * UNIT)
    columns += [(found.kind[pieces.place] == kind) * UNIT for kind in range(len(KINDS))]
    return np.stack(columns, axis=1).astype(np.int64), start != index


def _choose(model: stages.Model, found: Places, pieces: Pieces) -> NDArray[np.int64]:
    """The places to cut at: the best of each part where it is good enough, then in what that leaves."""
    chosen = [np.zeros(0, np.int64)]
    bounds = np.flatnonzero(pieces.place < 0)
    while bounds.size:
        values, possible = evidence(model, found, pieces, bounds)
        weights = WEIGHTS[(pieces.route == _ZH).astype(np.intp)]
        score = np.where(possible, (values * weights).sum(1), -1)
        best = np.maximum.reduceat(score, bounds)
        part = np.searchsorted(bounds, np.arange(score.size), side="right") - 1
        cut = np.flatnonzero((score == best[part]) & (score > 0))
        cut = cut[np.unique(part[cut], return_index=True)[1]]
        chosen.append(pieces.place[cut])
        stay = member(part, part[cut])
        heads = np.zeros(score.size, bool)
        heads[cut] = heads[bounds] = True
        bounds = np.flatnonzero(heads[stay])
        pieces = Pieces(*(column[stay] for column in pieces))
    return np.concatenate(chosen)
