"""The settings model and the shipped configuration files."""
