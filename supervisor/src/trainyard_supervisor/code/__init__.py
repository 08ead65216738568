"""The session's program: from the bundle on the volume to the folder in which it runs."""
