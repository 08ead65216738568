"""Follows the event files of TensorBoard that a program writes, and reports their scalars."""
