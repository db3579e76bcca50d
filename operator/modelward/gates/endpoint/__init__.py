"""The model's endpoint: rows go out in batches, answers come back, whatever the protocol."""
