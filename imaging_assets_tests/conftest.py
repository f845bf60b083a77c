"""What holds for every test: how long an example takes decides nothing, since the machine may be busy."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
