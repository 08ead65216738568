"""Files of tables: their dialects, and their rows as Arrow arrays."""
