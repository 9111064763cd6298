"""What becomes of every event that is worth noticing: a log line, a count.

Each event is a class of its own (``events.py``), so that ``log.py`` and ``metrics.py`` cannot
disagree about names; ``process.py`` joins these two. Commands that serve nobody import neither.
"""
