"""Two real datasets that scikit-learn ships, written to files at run time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes, load_digits


def write_digits(folder: Path) -> Path:
    """Write 1,797 handwritten digits of 8 × 8 pixels as NPZ with arrays x and y.

    Source: Alpaydin and Kaynak, UCI, 1998.
    """
    digits = load_digits()
    path = folder / "digits.npz"
    np.savez(path, x=digits.data.astype(np.float32), y=digits.target)
    return path


def write_diabetes(folder: Path) -> Path:
    """Write 442 patients, ten measurements and the disease's progression after a year, as CSV.

    Source: Efron et al., 2004.
    """
    diabetes = load_diabetes()
    path = folder / "diabetes.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*diabetes.feature_names, "target"])
        for features, target in zip(diabetes.data, diabetes.target, strict=True):
            writer.writerow([*(f"{v:.8f}" for v in features), f"{target:g}"])
    return path
