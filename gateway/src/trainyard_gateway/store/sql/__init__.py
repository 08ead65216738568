"""How statements are compiled, sent and undone."""
