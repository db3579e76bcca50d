"""The monitor's parts without a network."""
