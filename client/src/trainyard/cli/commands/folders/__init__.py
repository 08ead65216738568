"""Commands about folders: programs that are sent, and what they leave."""
