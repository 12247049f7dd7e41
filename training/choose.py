"""Thresholds from out-of-fold probabilities: what each preset may cost, and what it then removes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LABELS, LANGUAGES, Label, Language

# Share of a language's content characters that a preset may lose out of fold. Annotated units
# were partly chosen because they are hard, so that whole documents lose less.
BUDGETS = {"careful": 0.005, "balanced": 0.02}
CONTENT = LABELS.index(Label.CONTENT)
_GRID = np.linspace(0.0, 1.0, 101)
_NEVER = 1.01


def choose(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    languages: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> dict[str, dict[str, dict[str, float]]]:
    """Thresholds by preset, language and label.

    probabilities: rows x labels, of segments on sites outside the fit; labels, languages
    and sizes (characters): of the same rows. `careful` and `balanced` remove the most
    boilerplate within their budget; `thorough` weighs a lost character like a kept one.
    `other` has no annotated text of its own: it takes the higher of the two languages'
    `careful` thresholds in every preset.
    """
    chosen: dict[str, dict[str, dict[str, float]]] = {preset: {} for preset in (*BUDGETS, "thorough")}
    for number, language in enumerate(LANGUAGES):
        if language is Language.OTHER:
            continue
        rows = languages == number
        lost, removed = _curves(probabilities[rows], labels[rows], sizes[rows])
        for preset in chosen:
            cut = _best(lost, removed, BUDGETS.get(preset))
            chosen[preset][language] = {label: float(cut[i]) for i, label in enumerate(LABELS) if i != CONTENT}
    cautious = chosen["careful"]
    other = {label: max(cautious[known][label] for known in cautious) for label in LABELS if label is not Label.CONTENT}
    for preset in chosen:
        chosen[preset][Language.OTHER] = {label.value: value for label, value in other.items()}
    return chosen


def _curves(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each label and threshold: the share of content lost, and of boilerplate removed."""
    lost = np.zeros((len(LABELS), _GRID.size))
    removed = np.zeros((len(LABELS), _GRID.size))
    guess = probabilities.argmax(1)
    doubt = 1 - probabilities[:, CONTENT]
    content = labels == CONTENT
    for label in range(len(LABELS)):
        if label == CONTENT:
            continue
        for at, threshold in enumerate(_GRID):
            gone = (guess == label) & (doubt >= threshold)
            removed[label, at] = sizes[gone & ~content].sum() / max(int(sizes[~content].sum()), 1)
            lost[label, at] = sizes[gone & content].sum() / max(int(sizes[content].sum()), 1)
    return lost, removed


def _best(lost: NDArray[np.float64], removed: NDArray[np.float64], budget: float | None) -> NDArray[np.float64]:
    """The thresholds that remove most; a price on lost content rises until the budget holds."""
    every = np.arange(len(LABELS))
    for price in [1.0] if budget is None else np.geomspace(0.05, 5000, 400):
        at = (removed - price * lost).argmax(1)
        if budget is None or lost[every, at].sum() <= budget:
            chosen: NDArray[np.float64] = _GRID[at]
            return chosen
    return np.full(len(LABELS), _NEVER)
