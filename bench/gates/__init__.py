"""What gates cost, and how often they are right, on data and models of which everything is known."""
