"""Why no secret can be made."""


class BridgeError(Exception):
    """What was given makes no secret; the message names what is wrong and never a value."""
