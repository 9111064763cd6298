"""Keep libraries from logging: what they say holds hosts, accounts and answers."""

import logging


def keep_quiet(*names: str) -> None:
    """Let a library log for nobody; what fails is told in our words instead."""
    for name in names:
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
