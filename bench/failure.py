"""How the benchmark gives up."""


class BenchError(Exception):
    """Something that was to be measured cannot be; the message says why and what to do."""
