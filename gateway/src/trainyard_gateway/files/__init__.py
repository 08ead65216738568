"""Files on the volume: whole or not there, and what is in them."""
