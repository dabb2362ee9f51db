"""The HTTP door: versions, authentication, replies; it translates and decides nothing.

A request goes ``Connection`` (bounds) -> ``Application`` (logs, metrics, errors) -> ``Door`` (the Admin API)
or ``Surroundings`` (everything else) -> an operation, and comes back as a ``Reply``. What is protocol is pure
functions, text in and text out: ``versions``, ``digest``, ``routes``, ``pages``, ``pretty``.
"""

from __future__ import annotations

from brookmill.http.application import Application
from brookmill.operations import Services


def application(services: Services) -> Application:
    """The ASGI application for these services; it is used up when its lifespan ends."""
    return Application(services)
