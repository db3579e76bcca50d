"""The gate dataQuality: types, ranges, missing values, duplicates, leakage, balance and shift of the data."""
