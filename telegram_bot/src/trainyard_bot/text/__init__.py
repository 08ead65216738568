"""What the bot writes and draws. Pure: values in, text, buttons and pictures out."""
