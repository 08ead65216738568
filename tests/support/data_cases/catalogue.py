"""All data cases, in the order of the page docs/data-cases.md."""

from __future__ import annotations

from data_cases import (
    csv_columns,
    csv_encodings,
    csv_headers,
    csv_labels,
    csv_missing,
    csv_numbers,
    csv_separators,
    image_archives,
    image_modes,
    json_lines,
    number_arrays,
    parquet_tables,
    predictions,
    texts,
    zip_methods,
)
from data_cases.case import Case

GROUPS: dict[str, tuple[Case, ...]] = {
    "CSV: separators, quotes and lines": csv_separators.CASES,
    "CSV: encodings and other files": csv_encodings.CASES,
    "CSV: headers": csv_headers.CASES,
    "CSV: numbers": csv_numbers.CASES,
    "CSV: missing values": csv_missing.CASES,
    "CSV: columns": csv_columns.CASES,
    "CSV: classes": csv_labels.CASES,
    "CSV: predictions": predictions.CASES,
    "Parquet": parquet_tables.CASES,
    "JSON Lines": json_lines.CASES,
    "NumPy": number_arrays.CASES,
    "Pictures: archives": image_archives.CASES + zip_methods.CASES,
    "Pictures: formats": image_modes.CASES,
    "Texts": texts.CASES,
}
"""Cases by the heading that they stand under."""
CASES = {case.name: case for group in GROUPS.values() for case in group}
"""Cases by name."""
