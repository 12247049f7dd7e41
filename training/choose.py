"""Thresholds from out-of-fold probabilities: what each preset may cost, and what it then removes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.decide import CONTENT
from classifier.schema import LABELS, LANGUAGES, LAYOUTS, Label, Language, Layout

# Share of the content characters of a language and layout that a preset may lose out of fold: over all, and in every
# fold but the worst, for what a user cleans are sites of one kind or another, and no mean. Annotated units were partly
# chosen because they are hard, so that whole documents lose less.
BUDGETS = {"careful": 0.005, "balanced": 0.02}
ENOUGH = 200  # segments of content, and of boilerplate, below which a group takes the thresholds of a wider one
_GRID = np.linspace(0.0, 1.0, 201)
_NEVER = 1.01

Thresholds = dict[str, dict[Layout, dict[Language, dict[str, float]]]]


def choose(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    languages: NDArray[np.int64],
    layouts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    folds: NDArray[np.int64],
) -> Thresholds:
    """Thresholds by preset, layout, language and label.

    probabilities: rows x labels, of segments on sites outside the fit; labels, languages, layouts (of
    their documents), sizes (characters) and folds: of the same rows. `careful` and `balanced` remove the most
    boilerplate within their budget; `thorough` makes the fewest errors, in characters. One value serves
    all labels: a value each was no better out of fold, and there are few segments of the rarer ones.
    A layout with too few segments takes the language's thresholds, and a language those of all.
    `other` has no annotated text of its own: it takes the higher of the two languages' `careful`
    thresholds in every preset.
    """
    chosen: Thresholds = {preset: {layout: {} for layout in LAYOUTS} for preset in (*BUDGETS, "thorough")}
    boilerplate = labels != CONTENT
    for place, layout in enumerate(LAYOUTS):
        for number, language in enumerate(LANGUAGES):
            if language is Language.OTHER:
                continue
            for rows in ((languages == number) & (layouts == place), languages == number, np.ones(len(labels), bool)):
                if min((rows & boilerplate).sum(), (rows & ~boilerplate).sum()) >= ENOUGH:
                    break
            lost, kept, content = _curves(probabilities[rows], boilerplate[rows], sizes[rows], folds[rows])
            for preset, of_layout in chosen.items():
                value = _best(lost, content, BUDGETS[preset]) if preset in BUDGETS else _fewest(lost, kept)
                of_layout[layout][language] = {label.value: value for label in LABELS if label is not Label.CONTENT}
        cautious = chosen["careful"][layout]
        other = {
            label.value: max(cautious[known][label] for known in cautious) for label in LABELS if label is not Label.CONTENT
        }
        for of_layout in chosen.values():
            of_layout[layout][Language.OTHER] = dict(other)
    return chosen


def _curves(
    probabilities: NDArray[np.float64], boilerplate: NDArray[np.bool_], sizes: NDArray[np.int64], folds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each threshold, the characters of content lost, by fold (folds x thresholds), and of boilerplate kept.

    And the characters of content in each fold.
    """
    doubt = np.where(probabilities.argmax(1) == CONTENT, -1.0, 1 - probabilities[:, CONTENT])
    gone = doubt[None, :] >= _GRID[:, None]
    content = np.where(boilerplate, 0, sizes) * (folds == np.unique(folds)[:, None])
    return content @ gone.T, (~gone & boilerplate) @ sizes, content.sum(1)


def _best(lost: NDArray[np.int64], content: NDArray[np.int64], budget: float) -> float:
    """The lowest threshold that loses no more than the budget, a share of the content, over all and in all folds but one."""
    over_budget = (lost > budget * content[:, None]).sum(0)
    within = np.flatnonzero((lost.sum(0) <= budget * content.sum()) & (over_budget <= 1))
    return float(_GRID[within[0]]) if within.size else _NEVER


def _fewest(lost: NDArray[np.int64], kept: NDArray[np.int64]) -> float:
    """The threshold that makes the fewest errors."""
    return float(_GRID[(lost.sum(0) + kept).argmin()])
