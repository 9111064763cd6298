"""Carry a whole catalogue out of a database, and into one.

``session`` is the one transaction of either way. ``outgoing`` reads everything of one moment.
``incoming`` makes a catalogue what an ``order`` and the entries that come say: ``history`` restores
revisions, ``keyed`` fills the ``tables`` of what has a key (decision 0026).
"""
