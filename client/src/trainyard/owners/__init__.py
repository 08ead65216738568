"""Whose sessions, datasets and models are, and who sees them."""
