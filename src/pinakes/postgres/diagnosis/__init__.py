"""What can be found out about a connection that fails, or works: facts, neither judged nor worded.

``description`` takes the configuration apart, ``certificates`` reads what a certificate says,
``network`` speaks DNS, TCP, TLS and the first words of PostgreSQL's protocol by itself, where libpq
would hide the reason; ``session`` logs in exactly as the server would, and asks.
"""
