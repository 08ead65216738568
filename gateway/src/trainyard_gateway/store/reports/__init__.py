"""Reports of trainers: accepted into an inbox, then applied."""
