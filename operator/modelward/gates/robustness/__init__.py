"""The gate robustness: how little changes a prediction, and for which rows the model is poor."""
