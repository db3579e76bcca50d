"""The dashboard's queries on a real Prometheus that scrapes real monitors and the operator's metrics."""
