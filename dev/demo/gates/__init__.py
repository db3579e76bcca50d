"""`make demo-gates`: what a candidate must pass, and the people around it, on a real cluster."""
