"""Text to learn the next token of: a plain file, or JSON lines with the field `text`."""

from trainyard_data.texts.inspect import inspect
from trainyard_data.texts.read import FIELD, prompts, read

__all__ = ["FIELD", "inspect", "prompts", "read"]
