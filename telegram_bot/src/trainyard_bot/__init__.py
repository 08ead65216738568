"""Shows and steers training sessions from a phone, as a client of the gateway."""
