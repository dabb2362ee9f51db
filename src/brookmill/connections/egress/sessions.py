"""Sessions of requests that connect to judged addresses alone; Azure's clients are built on them."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from brookmill.config import Outside
from brookmill.connections.egress.pools import guard


class _JudgedAdapter(HTTPAdapter):
    def __init__(self, outside: Outside, connections: int) -> None:
        self._outside = outside
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard(self.poolmanager, self._outside)


def session(outside: Outside, connections: int) -> requests.Session:
    """Uses no proxy and keeps no cookies.

    Besides the errors of requests it raises ConnectionFailed (420) for forbidden hosts.
    """
    made = requests.Session()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        made.mount(scheme, _JudgedAdapter(outside, connections))
    return made
