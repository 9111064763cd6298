"""Passwords from beyond the secret: a command that prints them, or tokens of a cloud.

``source`` says what such a source promises; ``cached`` keeps the promise for all of them, over one
function each: ``command`` runs a program, whose output ``answer`` reads; ``rds`` and ``cloudsql``
ask the libraries of Amazon and Google. ``choice`` turns a setting into a source (decision 0025).
"""
