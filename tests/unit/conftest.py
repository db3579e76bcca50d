"""Settings of the property tests: no limit of time on one example, for a busy machine is no failure.

HYPOTHESIS_PROFILE=thorough, which `make properties` sets, tries ten times as many examples.
"""

import os

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=600)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))
