"""What the program of a session has left in its folder: listed and downloaded."""
