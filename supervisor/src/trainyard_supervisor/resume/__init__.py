"""Resume: finds the checkpoint of an earlier attempt and tells the program of it."""
