"""Checkpoints: files, the thread that writes them, and the memory for copies."""
