"""The dashboard: rows, panels and queries, once for Grafana and once for a page drawn without it."""
