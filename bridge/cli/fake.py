"""``fake``: stand-ins of outside services, for people's own tests and trials."""
