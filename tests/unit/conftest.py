"""Settings of the property tests: no limit of time on one example, for a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=60)
settings.load_profile("unit")
