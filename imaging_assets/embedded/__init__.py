"""Each port with nothing to sign up for: real, small, shipped; the laptop's backends.

Belongs here: implementations of `ports/` on the local machine. Does not: rules of the pipeline (`stages/`), settings.
One module per port, under the port's name.
"""
