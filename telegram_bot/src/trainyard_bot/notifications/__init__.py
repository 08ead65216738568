"""Messages that the bot sends unasked: which are due, to whom, and when."""
