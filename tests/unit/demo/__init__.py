"""What the demonstration concludes from its record."""
