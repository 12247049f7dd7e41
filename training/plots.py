"""Confusion, calibration and the trade-off of the presets as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from classifier.schema import LABELS

matplotlib.use("Agg")
from matplotlib import pyplot  # after the backend: no screen is needed


def confusion(truth: NDArray[np.int64], guess: NDArray[np.int64], path: Path) -> None:
    """Annotated label by predicted label: counts, shaded by the share of the row."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    matrix = confusion_matrix(truth, guess, labels=range(len(LABELS)))
    figure, axes = pyplot.subplots(figsize=(5.5, 5), layout="constrained")
    ConfusionMatrixDisplay(matrix, display_labels=[label.value for label in LABELS]).plot(
        ax=axes, cmap="Blues", colorbar=False, values_format="d"
    )
    axes.set(xlabel="predicted", ylabel="annotated", title=f"{len(truth):,} units")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def trade_off(
    curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    points: Mapping[str, Mapping[str, tuple[float, float]]],
    path: Path,
) -> None:
    """Boilerplate kept against content lost.

    curves: of each suite, as one threshold moves. points: of each preset and suite, what the
    preset's own thresholds give.
    """
    figure, axes = pyplot.subplots(figsize=(6.5, 5), layout="constrained")
    for number, (suite, (lost, kept)) in enumerate(curves.items()):
        axes.plot(100 * lost, 100 * kept, color=f"C{number}", label=suite)
        for (preset, values), marker in zip(points.items(), "v^o", strict=True):
            x, y = values[suite]
            axes.plot(100 * x, 100 * y, marker, color=f"C{number}", label=preset if not number else None)
    axes.set(xlim=(-0.2, 6), ylim=(0, 100), xlabel="content lost, % of characters", ylabel="boilerplate kept, % of characters")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def learning(curves: Mapping[str, Sequence[tuple[int, Mapping[str, float]]]], path: Path) -> None:
    """Figures of a site by how many labels of it were added: of each site, pairs of a number and the figures there."""
    names = {"macro_f1": "macro-F1", "accuracy": "accuracy", "content_lost": "content lost", "junk_kept": "boilerplate kept"}
    figure, axes = pyplot.subplots(1, len(names), figsize=(13, 3.4), layout="constrained")
    for plot, (key, name) in zip(axes, names.items(), strict=True):
        for site, points in curves.items():
            plot.plot([number for number, _ in points], [row[key] for _, row in points], marker="o", markersize=4, label=site)
        plot.set(xlabel="labels of the site", title=name)
    axes[0].legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def calibration(truth: NDArray[np.int64], probabilities: NDArray[np.float64], path: Path) -> None:
    """For each label, how often it was right among units given about the same probability."""
    from sklearn.calibration import calibration_curve

    figure, axes = pyplot.subplots(figsize=(5.5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="perfect")
    for number, label in enumerate(LABELS):
        if (truth == number).any():
            observed, stated = calibration_curve(truth == number, probabilities[:, number], n_bins=10, strategy="quantile")
            axes.plot(stated, observed, marker="o", markersize=3, label=label.value)
    axes.set(xlabel="stated probability", ylabel="observed share", title=f"{len(truth):,} units")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
