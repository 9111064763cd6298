"""From what people and operators hold to the secret of Pinakes; no server is asked.

``operators`` reads what operators and clouds hand out, ``places`` what else says how to connect,
``page`` makes the secret of it by the rules of the server, ``manifest`` reads and writes it. Only
``follower``, which keeps a copy up to date, asks a cluster.
"""
