"""kubectl-modelward: what serves, what is being tried, what was rejected and why, for people and scripts."""
