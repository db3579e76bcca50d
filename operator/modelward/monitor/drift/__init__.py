"""Drift: counts of inputs and predictions by the bins of a profile. Pure: bodies are read elsewhere."""
