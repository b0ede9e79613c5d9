"""Filters in the languages of stores that both frameworks have wrappers for; one module a store."""
