"""All data cases, in the order of the page docs/data-cases.md."""

from __future__ import annotations

import csv_columns
import csv_encodings
import csv_headers
import csv_labels
import csv_missing
import csv_numbers
import csv_predictions
import csv_separators
import json_lines
import number_arrays
import parquet_tables
import picture_archives
import picture_modes
import text_files
import zip_methods
from data_case import Case

GROUPS: dict[str, tuple[Case, ...]] = {
    "CSV: separators, quotes and lines": csv_separators.CASES,
    "CSV: encodings and other files": csv_encodings.CASES,
    "CSV: headers": csv_headers.CASES,
    "CSV: numbers": csv_numbers.CASES,
    "CSV: missing values": csv_missing.CASES,
    "CSV: columns": csv_columns.CASES,
    "CSV: classes": csv_labels.CASES,
    "CSV: predictions": csv_predictions.CASES,
    "Parquet": parquet_tables.CASES,
    "JSON Lines": json_lines.CASES,
    "NumPy": number_arrays.CASES,
    "Pictures: archives": picture_archives.CASES + zip_methods.CASES,
    "Pictures: formats": picture_modes.CASES,
    "Texts": text_files.CASES,
}
"""Cases by the heading that they stand under."""
CASES = {case.name: case for group in GROUPS.values() for case in group}
"""Cases by name."""
