"""A client's side of labels: keeps receipts, and sends labels back for them."""
