"""Read the catalogue of another server of this API, page by page.

``server`` asks over HTTP and bears with what passes by itself, ``listings`` reads the answers.
"""
