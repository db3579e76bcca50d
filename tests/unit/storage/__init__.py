"""The fetch's parts without a store."""
