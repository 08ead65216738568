"""Images in archives: one folder for each class.

`inspect` finds the schema of an archive, `read` obeys it, `read_for_model` reads images to predict.
"""

from trainyard_data.images.inspect import inspect
from trainyard_data.images.names import ENDINGS
from trainyard_data.images.read import Images, read, read_for_model

__all__ = ["ENDINGS", "Images", "inspect", "read", "read_for_model"]
