"""Makes a profile: what a model's training data is like, in one pass over a table of any size."""
