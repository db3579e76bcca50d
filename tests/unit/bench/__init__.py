"""What the measurements conclude from their records."""
