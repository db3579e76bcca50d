"""Statistics of good/total counts: numbers in, verdicts out.

Nothing here knows Kubernetes, Prometheus or the time of day. Every test is an e-process: a product of
bets that has expectation at most one (or grows by at most one a block, for detectors) while nothing is
wrong, so it may be looked at after every block. `docs/evidence.md` has the formulas and guarantees.
"""
