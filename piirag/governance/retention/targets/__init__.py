"""Retention targets, one module a kind of data."""
