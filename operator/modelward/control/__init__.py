"""The operator's process: watches, queues, reconciles, applies; everything here may do I/O."""
