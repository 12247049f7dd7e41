"""Confusion and calibration as pictures."""

from __future__ import annotations

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
