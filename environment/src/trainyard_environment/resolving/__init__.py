"""From what is asked to a list of packages with hashes, by uv."""
