"""How it ends: when to signal what is left, the exit code, and the termination message."""
