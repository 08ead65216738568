"""What the program prints: read from its pipes, repeated, and made into lines."""
