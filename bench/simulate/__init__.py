"""Operating characteristics of the evidence engine that ships, by seeded simulation (`make simulate`)."""
