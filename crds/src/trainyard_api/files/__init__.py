"""Files of programs."""
