"""Tests of the decisions: (spec, status, observation, now) in, one decision with reason and numbers out."""
