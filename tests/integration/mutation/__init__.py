"""Whether the run that judges the tests can itself be trusted."""
