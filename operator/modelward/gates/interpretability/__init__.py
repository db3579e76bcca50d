"""The gate interpretability: which features predictions depend on, and in which direction."""
