"""How long sessions run, learned from those that exist."""
