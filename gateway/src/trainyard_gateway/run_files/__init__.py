"""What the program of a session has left in its folder: listed, read, packed into an archive."""
