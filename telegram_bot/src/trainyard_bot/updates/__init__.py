"""What Telegram delivers, as typed values: commands, callback data, and who sent them."""
