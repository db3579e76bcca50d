"""`make demo-infrastructure`: slow storage is told from a bad model, under live traffic on a real cluster."""
