"""What to do next: (spec, status, observation, now) in, one decision with its reason and numbers out."""
