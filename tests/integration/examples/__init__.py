"""The electricity example: what its versions are worth, and what its traffic records."""
