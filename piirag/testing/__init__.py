"""Conformance suites that others can run on their own vault or erasure target.

They need pytest. Subclass one, provide its fixture, and let pytest collect it.
"""
