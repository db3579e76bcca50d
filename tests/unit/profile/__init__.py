"""Profiles of training data."""
