"""What a program needs of the folder that is sent, found before anything is sent."""
