"""How a transfer tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int], None]
"""Told what is carried, and how many of it so far."""
