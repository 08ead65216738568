"""The audit log of changes: who did what to which object, when, and by which channel."""
