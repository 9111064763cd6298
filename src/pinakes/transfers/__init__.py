"""Export and import, joined: our database on one side, on the other a file or another server.

``exports`` and ``files`` carry whole catalogues as lines, out and in; ``listings`` reads another
server, and alone needs what speaks HTTP. Who does the one does not import the others.
"""
