"""Runs of sessions as programs report them."""
