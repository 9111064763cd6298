"""Door 1: the API over HTTP."""
