"""Where the programs of a cluster come from, and their versions."""
