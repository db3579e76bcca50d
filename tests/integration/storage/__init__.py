"""The fetch as a real process, from real stores."""
