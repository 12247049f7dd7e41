"""What decided a label: the words of the text itself, and what stands around them, in order of weight.

A label stands against another by the difference of their logits, in natural logarithms of odds. All
of that difference is shared out, and the shares add up to it:

- The second stage by integrated gradients (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep
  Networks", 2017), from the baseline of inputs that are all 0: nothing known. On the straight way from
  there to a segment's inputs each hidden unit is a straight line with bends where it wakes and where it
  is full, so the integral is the share of the way between them, and needs no steps.
- The share of a segment's own scores by its n-grams. The first stage adds up their weights, so each has
  exactly its part, shared equally by the characters that it covers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import context, features
from classifier import model as stages
from classifier.evidence import evidence
from classifier.schema import BEFORE_READING, LABELS, Explanation, Label, Segments, Span
from classifier.surroundings import Group

# What pieces of text are made of: words; of Han, which is written without spaces, characters; and marks that speak for
# themselves. Any other mark counts with the word before it.
_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+(?:['’.@-][^\W_{_HAN}]+)*|[!?！？©®™@#$€£¥%|>→]|[^\w\s\u0000-\u2190\u2e80-\uffff]")
_CLAUSE = re.compile(r"[,;:.](?=\s)|[。，、；：\n]")
_ONE_HAN = re.compile(f"[{_HAN}]")
DIGITS = 4  # of weights as they are handed out: beyond, machines may differ
_OWN = np.array([group is Group.WORDS for group in context.groups()])
_LANES = np.arange(0, 64, 16, dtype=np.uint64)


class Reading(NamedTuple):
    """A document, or a part of one, as the model read it.

    rows, tables, grams, logits, inputs: what the two stages saw, `tables` those that read the segments. at: where the
    characters of `rows.grams` stand in the text, but for spaces; before: how many of them stand before each
    place of `rows.grams`. stops: where the segments begin in the text, and where the last one ends; counts:
    their n-grams.
    """

    rows: features.Rows
    tables: NDArray[np.int64]
    grams: NDArray[np.uint32]
    logits: NDArray[np.float64]
    inputs: NDArray[np.float32]
    at: NDArray[np.int64]
    before: NDArray[np.int64]
    stops: NDArray[np.int64]
    counts: NDArray[np.int64]


def explain(model: stages.Model, text: str, parts: Iterable[tuple[int, Reading]], span: Span, against: Label) -> Explanation:
    """Why a span of a text has its label rather than another, its segments weighted by their characters in it.

    parts: what of the document the span lies in, each with where it begins in the text.
    """
    start, end = span.start, span.end
    side = np.zeros(len(LABELS))
    side[LABELS.index(span.label)] += 1
    side[LABELS.index(against)] -= 1
    reasons = dict.fromkeys([BEFORE_READING, *Group], 0.0)
    weights: dict[int, float] = {}
    for offset, reading in parts:
        first = int(np.searchsorted(reading.stops, start - offset, side="right")) - 1
        last = int(np.searchsorted(reading.stops, end - offset))
        rows = slice(max(first, 0), min(last, reading.stops.size - 1))
        edges: NDArray[np.int64] = np.clip(reading.stops[rows.start : rows.stop + 1] + offset, start, end)
        sizes: NDArray[np.float64] = (edges[1:] - edges[:-1]) / max(end - start, 1)
        shares, before = _shares(model, reading, rows, side)
        shares *= sizes[:, None]
        reasons[BEFORE_READING] += float(sizes @ before)
        for group, share in zip(context.groups(), shares.sum(0).tolist(), strict=True):
            reasons[group] += share
        for row, own in enumerate(shares[:, _OWN], rows.start):
            places, values, rest = character_weights(model, reading, row, own)
            reasons[Group.WORDS] -= rest  # what the head adds to any text is not of these words
            reasons[BEFORE_READING] += rest
            weights.update(zip((places + offset).tolist(), values.tolist(), strict=True))
    rounded = {str(name): round(float(weight), DIGITS) for name, weight in reasons.items()}
    ordered = tuple(sorted(rounded.items(), key=lambda pair: -abs(pair[1])))
    words = stretches(text, start, end, weights)
    return Explanation(span.label, against, words, ordered, round(sum(rounded.values()), DIGITS), span.decided_by)


def _shares(
    model: stages.Model, reading: Reading, rows: slice, side: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each input of segments adds, and what is there before it: rows x inputs, and rows."""
    inputs, tables = reading.inputs[rows], reading.tables[rows]
    shares, before = np.zeros(inputs.shape), np.zeros(len(inputs))
    for table in np.unique(tables).tolist():
        chosen, network = tables == table, model.networks[table]
        shares[chosen] = contributions(network, inputs[chosen], side)
        before[chosen] = margin(network, np.zeros_like(inputs[:1]), side)
    return shares, before


def stretches(text: str, start: int, end: int, weights: Mapping[int, float]) -> tuple[tuple[int, int, str, float], ...]:
    """The words of `text[start:end]` that weigh, as readable pieces of it: (start, end, text, weight), heaviest first.

    weights: of characters, by where they stand. A piece is a run of words of one clause that weigh more than the mean
    of the stretch, with what lies between them where that pays: all maximal scoring subsequences (Ruzzo and Tompa,
    "A Linear Time Algorithm for Finding All Maximal Scoring Subsequences", 1999), first of what speaks for the label,
    then of what speaks against it in the rest.
    """
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    if not words:
        return ()
    reach = [start, *(first for first, _ in words[1:]), end]
    values = [sum(weights.get(at, 0.0) for at in range(*pair)) for pair in pairwise(reach)]
    usual = sum(map(abs, values)) / sum(last - first for first, last in words)
    charges = [usual * (last - first) for first, last in words]
    clauses = _clauses(text, words)
    found: list[tuple[int, int]] = []
    for sign in (1, -1):
        beyond = [sign * value - charge for value, charge in zip(values, charges, strict=True)]
        for own in clauses:
            found += _maximal([beyond[number] for number in own], own[0])
        taken = {number for run in found for number in range(*run)}
        clauses = [rest for own in clauses for rest in _without(own, taken)]
    runs = _widened(text, words, values, found)
    pieces = [(words[first][0], words[last - 1][1], round(sum(values[first:last]), DIGITS)) for first, last in runs]
    pieces.sort(key=lambda piece: (-abs(piece[2]), piece[0]))
    return tuple((first, last, text[first:last], weight) for first, last, weight in pieces)


def _clauses(text: str, words: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The numbers of the words of each clause."""
    clauses = [[0]]
    for number, (before, behind) in enumerate(pairwise(words), 1):
        if _CLAUSE.search(text, before[1], behind[0] + 1):
            clauses.append([])
        clauses[-1].append(number)
    return clauses


def _without(numbers: Sequence[int], taken: Collection[int]) -> list[list[int]]:
    """The runs of numbers between those that are taken."""
    return [list(run) for there, run in groupby(numbers, taken.__contains__) if not there]


def _widened(
    text: str, words: Sequence[tuple[int, int]], values: Sequence[float], found: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The same runs, but that a Han character alone, which is seldom a word, takes the free one beside it that weighs more."""
    taken = {number for run in found for number in range(*run)}
    for first, last in found:
        beside = [
            other
            for other, edge in ((first - 1, words[first][0]), (last, words[last - 1][1]))
            if last - first == 1 and 0 <= other < len(words) and other not in taken and edge in words[other]
        ]
        if all(_ONE_HAN.match(text, words[number][0]) for number in (first, *beside)) and beside:
            other = max(beside, key=lambda number: values[number] * values[first])
            taken.add(other)
            first, last = min(first, other), max(last, other + 1)
        yield first, last


def _maximal(scores: Sequence[float], base: int) -> list[tuple[int, int]]:
    """The runs that no run around them or in them outdoes, as (first, last + 1), counted from `base`; see `stretches`."""
    # Of each: its ends, what all scores before it and with it add up to, and the last run that began lower.
    runs: list[tuple[int, int, float, float, int]] = []
    total = 0.0
    for number, score in enumerate(scores, base):
        first, below = number, total
        total += score
        while score > 0:
            lower = len(runs) - 1
            while lower >= 0 and runs[lower][2] >= below:
                lower = runs[lower][4]
            if lower < 0 or runs[lower][3] >= total:
                runs.append((first, number + 1, below, total, lower))
                break
            first, below = runs[lower][0], runs[lower][2]
            del runs[lower:]
    return [run[:2] for run in runs]


def read(model: stages.Model, text: str, cut: Segments, known: NDArray[np.int64] | None = None) -> Reading:
    """Reads a document again, as it was read when it was labelled. known: labels that rules gave, -1 where none did."""
    rows = features.rows([text], [cut])
    grams = features.buckets(rows.grams, rows.bounds, model.bits)
    tables = stages.tables_of_rows(model, rows)
    logits = stages.local_logits(model, rows, grams, tables)
    scores = context.steps(logits)
    scores = scores if known is None else context.told(scores, known)
    inputs = context.context_inputs(rows, scores, evidence(rows, grams))
    before = np.concatenate(([0], np.cumsum(rows.grams != features.SPACE)))
    stops = np.array([0, *cut.ends])
    return Reading(
        rows,
        tables,
        grams,
        logits,
        inputs,
        features.seen(text),
        before,
        stops,
        stages.gram_count(rows),
    )


def contributions(network: stages.Network, inputs: NDArray[np.float32], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each input adds to a sum of logits, from inputs that are all 0 to these: rows x inputs.

    side: how much of each label's logit is in the sum. The rows' sums are the difference of `margin()`.
    """
    hidden = network.hidden.astype(np.float64) * network.hidden_scale
    slope = inputs @ hidden
    full = stages.HIDDEN_LIMIT / stages.HIDDEN_STEPS
    # Where on the way from 0 to 1 a unit lies between its bends.
    with np.errstate(divide="ignore", invalid="ignore"):
        bends = np.stack([(0 - network.hidden_bias) / slope, (full - network.hidden_bias) / slope])
    bends = np.clip(np.sort(bends, axis=0), 0, 1)
    flat = (network.hidden_bias > 0) & (network.hidden_bias < full)
    awake = np.where(slope == 0, flat, bends[1] - bends[0])
    gains = awake * (network.out * network.out_scale @ side) * stages.HIDDEN_STEPS
    result: NDArray[np.float64] = inputs * (gains @ hidden.T)
    return result


def margin(network: stages.Network, inputs: NDArray[np.float32], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sum of logits as `Network.logits` makes it, but for its rounding. side: as in `contributions`."""
    units = (inputs @ network.hidden.astype(np.float64)) * network.hidden_scale + network.hidden_bias
    units = np.clip(units * stages.HIDDEN_STEPS, 0, stages.HIDDEN_LIMIT)
    result: NDArray[np.float64] = ((units @ network.out) * network.out_scale + network.out_bias) @ side
    return result


def character_weights(
    model: stages.Model, reading: Reading, row: int, shares: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """What each character of a segment adds by the n-grams it stands in, and what the head adds to any text.

    shares: what each of the segment's own scores contributes, by label, as `contributions()` has it. Returns where
    the characters stand in the text, what each adds, and the rest; all together they are the sum of the shares.
    """
    first, last = reading.rows.bounds[row : row + 2].tolist()
    table = int(reading.tables[row])
    norm = float(model.scale[table]) / max(int(reading.counts[row]), 1) ** 0.5
    # A score is centred, rounded and bounded: what that adds or takes is laid on all n-grams alike.
    logits = reading.logits[row] - reading.logits[row].mean()
    gains = np.divide(shares, logits, out=np.zeros(len(LABELS)), where=logits != 0)
    gains -= gains.mean()
    rest = float(model.bias[table] @ gains)
    before = np.concatenate(([0], np.cumsum(reading.rows.grams[first : last + 1] != features.SPACE)))
    changes = np.zeros(before[-1] + 1)
    for order, buckets in enumerate(reading.grams, 1):
        own = buckets[first:last]
        at = np.flatnonzero(own)
        weights = model.weights[table, own[at]][:, None] >> _LANES & np.uint64(0xFFFF)
        values = norm * ((weights.astype(np.int64) - 128) @ gains)
        # A space alone goes to the word behind it.
        start, stop = before[at], np.maximum(before[at + order], before[at] + 1)
        if not before[-1]:
            rest += float(values.sum())
            continue
        np.add.at(changes, start, values / (stop - start))
        np.subtract.at(changes, stop, values / (stop - start))
    places = reading.at[reading.before[first] : reading.before[last]]
    return places, np.cumsum(changes)[:-1], rest
