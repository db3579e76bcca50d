"""The client of labels, without a network."""
