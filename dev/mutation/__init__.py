"""How good are the tests of evidence and decisions? Changes the code in small ways and runs them."""
