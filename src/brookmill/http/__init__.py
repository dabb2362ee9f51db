"""The HTTP door: versions, authentication, replies; it translates and decides nothing.

A request goes ``Application`` (logs, metrics, errors) -> ``Door`` (the Admin API) or ``Surroundings``
(everything else) -> an operation, and comes back as a ``Reply``. Protocols are pure functions:
``versions``, ``digest``, ``routes``, ``pages``, ``pretty``.
"""

from __future__ import annotations

from brookmill.http.application import Application
from brookmill.operations import Services


def application(services: Services) -> Application:
    """The ASGI application for these services; it is used up when its lifespan ends."""
    return Application(services)
