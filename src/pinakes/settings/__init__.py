"""Where things are: the environment, read once, as frozen values."""
