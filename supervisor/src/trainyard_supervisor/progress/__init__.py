"""How far a program is, read from what it prints anyway."""
