"""`make demo`: two bad versions of a model and a good one, shipped under live traffic on a real cluster."""
