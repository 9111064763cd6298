"""Export and import, joined: our database on one side, on the other a file or another server.

``files`` carries whole catalogues as lines; ``listings`` reads another server, and is the only one
of the two that needs what speaks HTTP.
"""
