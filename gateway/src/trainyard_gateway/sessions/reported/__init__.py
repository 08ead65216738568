"""What sessions report: how often they may, and their newest values."""
