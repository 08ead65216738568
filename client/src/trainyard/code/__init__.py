"""Bundles of code: from a folder to the gateway, and back."""
