"""Clients built on urllib3 (boto3, requests) that connect to judged addresses alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection

from brookmill.config import Outside
from brookmill.connections import egress

#: Most addresses of one host that are tried, each for the whole time-out.
_TRIES = 4


def guard(manager: urllib3.PoolManager, outside: Outside) -> None:
    """Let ``manager`` open connections to judged addresses alone.

    To be called before its first request. boto3: ``guard(client._endpoint.http_session._manager, outside)``;
    requests: in ``HTTPAdapter.init_poolmanager``. A request then raises ConnectionFailed (420) when the host
    is forbidden; botocore wraps it into HTTPClientError. Nothing here looks at proxies: turn them off.
    """
    manager.pool_classes_by_scheme = {
        scheme: _guarded_pool(pool, outside) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _guarded_pool(pool: Any, outside: Outside) -> Any:
    connection = _guarded_connection(pool.ConnectionCls, outside)
    return type(f"Guarded{pool.__name__}", (pool,), {"ConnectionCls": connection})


def _guarded_connection(connection: type[HTTPConnection], outside: Outside) -> type[HTTPConnection]:
    class Guarded(connection):  # type: ignore[misc, valid-type]
        """Resolves the name once; TLS and the Host header are about the name."""

        _dns_host: str

        def _new_conn(self) -> Any:
            name = self._dns_host
            *others, last = egress.judge(name, self.port, outside)[:_TRIES]
            try:
                for address in others:
                    self._dns_host = address
                    with suppress(urllib3.exceptions.HTTPError):
                        return super()._new_conn()
                self._dns_host = last
                return super()._new_conn()
            finally:
                self._dns_host = name

    return cast("type[HTTPConnection]", Guarded)
