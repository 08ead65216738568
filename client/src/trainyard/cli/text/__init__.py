"""What the commands show: tables, charts, progress, numbers and times as text."""
