"""Erasure targets, one module a store."""
