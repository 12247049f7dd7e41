"""Thresholds from out-of-fold probabilities: what each preset may cost, and what it then removes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LABELS, LANGUAGES, Label, Language

# Share of content characters that a preset may lose, in the worst suite of a language.
BUDGETS = {"careful": 0.005, "balanced": 0.02}
CONTENT = LABELS.index(Label.CONTENT)
_GRID = np.linspace(0.0, 1.0, 101)
_NEVER = 1.01


def choose(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    languages: NDArray[np.int64],
    suites: Sequence[str],
    sizes: NDArray[np.int64],
) -> dict[str, dict[str, dict[str, float]]]:
    """Thresholds by preset, language and label.

    probabilities: rows x labels, of segments on sites outside the fit; labels, languages,
    suites and sizes (characters): of the same rows. `careful` and `balanced` remove the most
    boilerplate within their budget, which every suite of the language must hold; `thorough`
    weighs a lost character like a kept one. `other` has no annotated text of its own: it
    takes the higher of the two languages' `careful` thresholds in every preset.
    """
    names = np.asarray(suites)
    chosen: dict[str, dict[str, dict[str, float]]] = {preset: {} for preset in (*BUDGETS, "thorough")}
    for number, language in enumerate(LANGUAGES):
        if language is Language.OTHER:
            continue
        rows = languages == number
        lost, removed = _curves(probabilities[rows], labels[rows], names[rows], sizes[rows])
        for preset in chosen:
            cut = _best(lost, removed, BUDGETS.get(preset))
            chosen[preset][language] = {label: float(cut[i]) for i, label in enumerate(LABELS) if i != CONTENT}
    cautious = chosen["careful"]
    other = {label: max(cautious[known][label] for known in cautious) for label in LABELS if label is not Label.CONTENT}
    for preset in chosen:
        chosen[preset][Language.OTHER] = dict(other)
    return chosen


def _curves(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], suites: NDArray[np.str_], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each label and threshold: the share of content lost by suite, and of boilerplate removed."""
    groups = np.unique(suites)
    lost = np.zeros((len(groups), len(LABELS), _GRID.size))
    removed = np.zeros((len(LABELS), _GRID.size))
    guess = probabilities.argmax(1)
    doubt = 1 - probabilities[:, CONTENT]
    content = labels == CONTENT
    junk = max(int(sizes[~content].sum()), 1)
    for label in range(len(LABELS)):
        if label == CONTENT:
            continue
        for at, threshold in enumerate(_GRID):
            gone = (guess == label) & (doubt >= threshold)
            removed[label, at] = sizes[gone & ~content].sum() / junk
            for group, name in enumerate(groups):
                mine = content & (suites == name)
                lost[group, label, at] = sizes[gone & mine].sum() / max(int(sizes[mine].sum()), 1)
    return lost, removed


def _best(lost: NDArray[np.float64], removed: NDArray[np.float64], budget: float | None) -> NDArray[np.float64]:
    """The thresholds that remove most; a price on lost content rises until the budget holds."""
    for price in [1.0] if budget is None else np.geomspace(0.05, 5000, 400):
        at = [int((removed[label] - price * lost[:, label].max(0)).argmax()) for label in range(len(LABELS))]
        spent = sum(lost[:, label, at[label]] for label in range(len(LABELS)))
        if budget is None or spent.max(initial=0) <= budget:
            return _GRID[at]
    return np.full(len(LABELS), _NEVER)
