"""Why does it not connect? A walk from the secret's keys to a written and rolled-back row.

``checks`` is the list, in the order of the walk; ``walk`` takes it, and ``finding`` is what comes
out of each step. The checks themselves stand in one file for each stretch of the way: ``secret``,
``copied``, ``certificates``, ``network``, ``login``, ``server``, ``schema``; ``report`` prints what
was found.
"""
