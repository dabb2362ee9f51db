"""The certificate authorities that connections believe: certifi's, or those of ``SSL_CERT_FILE``."""

from __future__ import annotations

import os
import ssl

import httpx

from brookmill.errors import ConnectionFailed


def tls_context() -> ssl.SSLContext:
    """For httpx; heeds ``SSL_CERT_DIR``, too. Raises ConnectionFailed (420) when they cannot be read."""
    try:
        return httpx.create_ssl_context()
    except OSError as e:
        raise _unreadable() from e


def bundle() -> str | bool:
    """For the parameter ``verify`` of requests and botocore. Raises ConnectionFailed (420) likewise."""
    file = os.environ.get("SSL_CERT_FILE")
    if not file:
        return True
    try:
        ssl.create_default_context(cafile=file)
    except OSError as e:
        raise _unreadable() from e
    return file


def _unreadable() -> ConnectionFailed:
    return ConnectionFailed(
        "the server's variable SSL_CERT_FILE does not name a readable file of certificates",
        retry=False,
        code=420,
        name="StreamProcessorInvalidOptions",
    )
