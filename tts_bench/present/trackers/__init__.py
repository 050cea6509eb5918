"""Finished runs in the trackers that others use: MLflow, Weights & Biases, trackio."""
