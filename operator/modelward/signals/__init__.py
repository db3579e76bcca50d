"""What the operator hears and says: Prometheus' counts, Alertmanager's hints, its own metrics and traces.

No answer, half an answer and nonsense are Unknown here, never zero and never an exception that ends a
reconcile: `prometheus` raises two kinds of error, and `counts`, `alerts` and `restore` turn both into states.
"""
