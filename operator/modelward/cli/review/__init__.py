"""`kubectl modelward review`: what a person needs to see before saying yes or no, on one page."""
