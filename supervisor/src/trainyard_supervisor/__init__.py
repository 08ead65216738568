"""The supervisor: process 1 of a trainer's container, for any program and image.

It starts the program, repeats and reports what it prints, passes stop signals on, waits until every
process is gone, and ends with an exit code and a termination message that say what happened.

It runs by any Python from 3.9 on with the standard library alone: `install` writes it as one file
with what it needs of `trainyard.reporting` and `trainyard_api`.
"""
