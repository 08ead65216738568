"""Predictions and text by a trained model."""
