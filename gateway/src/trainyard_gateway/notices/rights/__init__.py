"""Whether a receiver may still get what waits for it."""
