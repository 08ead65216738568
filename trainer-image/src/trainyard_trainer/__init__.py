"""Trains one model for one session with PyTorch and survives being killed."""
