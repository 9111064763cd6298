"""Carry a whole catalogue out of a database, and into one.

``session`` is the one transaction of either way. ``outgoing`` reads everything of one moment.
``incoming`` makes a catalogue what an ``order`` and the entries that come say: ``history`` restores
revisions, ``keyed`` fills the ``tables`` of what has a key (decision 0026).
"""

from pinakes.postgres.transfer.incoming import Incoming, identify, incoming
from pinakes.postgres.transfer.order import Count, Difference, Mode, Order, Outcome
from pinakes.postgres.transfer.outgoing import Outgoing, outgoing
from pinakes.postgres.transfer.session import TransferError

__all__ = [
    "Count",
    "Difference",
    "Incoming",
    "Mode",
    "Order",
    "Outcome",
    "Outgoing",
    "TransferError",
    "identify",
    "incoming",
    "outgoing",
]
