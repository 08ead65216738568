"""Logged models: folders of artifacts that a run made, with params, tags and values."""
