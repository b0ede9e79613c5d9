"""Synthetic training text for the named-entity model: `generate` and `augment`."""

from .core import generate
from .replace import augment

__all__ = ["augment", "generate"]
