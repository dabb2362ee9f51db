"""References to variables of the server's environment."""

from __future__ import annotations

import os

from brookmill.config import PREFIX, Settings
from brookmill.connections.references import PROVIDERS, allowed, unresolved


@PROVIDERS("env")
def variable(name: str, settings: Settings) -> str:
    """The variable ``name``; the server's own settings are none, whatever the list allows."""
    kind, setting = "a variable of the environment", "references_env"
    prefixes = None if name.startswith(PREFIX) else settings.references_env
    value = os.environ.get(allowed(name, prefixes, kind, setting))
    if value is None:
        raise unresolved(f"the server's environment has no variable {name}")
    return value
