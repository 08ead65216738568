"""What a session declares as its outputs: taken when the program has ended well, and registered."""
