"""Operating characteristics of the evidence engine, by simulation."""
