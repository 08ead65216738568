"""Versions of models that are folders: registered from what sessions staged, listed, downloaded."""
