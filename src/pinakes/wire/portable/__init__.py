"""A catalogue as lines of JSON, to be carried from one server to another.

``lines`` knows what one line is, ``history`` that of a revision, ``manifest`` what proves that none
is missing or changed; ``writing`` and ``reading`` make and take a whole file, a batch at a time
(decision 0026).
"""
