"""When a receiver gets its notices: quiet hours and digests. Pure."""
