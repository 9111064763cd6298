"""What we remember: models, what runs them, who changed them. Pure domain, no I/O."""
