"""Measurements: what the exchange does in a second, beside a yardstick measured in the same run."""
