"""NPZ and NPY: arrays by name. Nothing is unpickled.

`inspect` finds the schema, `read` obeys it, `images_for_model` and `matrix_for_model` read samples
to predict.
"""

from trainyard_data.arrays.images import as_images
from trainyard_data.arrays.inspect import inspect
from trainyard_data.arrays.read import Arrays, images_for_model, matrix_for_model, read
from trainyard_data.arrays.values import as_matrix, labels, numbers

__all__ = [
    "Arrays", "as_images", "as_matrix", "images_for_model", "inspect", "labels",
    "matrix_for_model", "numbers", "read",
]  # fmt: skip
