"""Trees of files that a program leaves: taken, kept on the volume, and registered.

Standard library only: the supervisor and programs' own processes use it.
"""
