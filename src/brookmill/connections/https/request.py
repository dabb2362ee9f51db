"""One document's request: where it goes and with what. No document can leave its connection's URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

import httpx
from bson import Decimal128

from brookmill.errors import DocumentError

#: Headers that say how the message itself is sent; they are the client's.
_OWN = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
#: What stays as it is written; all else is percent-encoded.
_IN_PATH = "/%:@!$&'()*+,;="
_IN_QUERY = f"{_IN_PATH}?"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\ue000-\U0010ffff]*")


def request_url(base: httpx.URL, path: Any, parameters: Mapping[str, Any]) -> httpx.URL:
    """``base`` with ``path`` behind its own (None: nothing) and ``parameters`` in the query string.

    Raises DocumentError for a path that is no string or climbs up, and for parameters that are no scalars.
    """
    url = base
    if path is not None:
        url = _joined(base, path)
    pairs = [(name, text) for name, value in parameters.items() for text in _parameter(name, value)]
    return url.copy_merge_params(httpx.QueryParams([*url.params.multi_items(), *pairs])) if pairs else url


def _joined(base: httpx.URL, path: Any) -> httpx.URL:
    if not isinstance(path, str):
        raise DocumentError("the path of a request must be a string")
    path, _, query = path.partition("?")
    if {".", ".."} & set(re.split(r"[/\\]", unquote(path))):
        raise DocumentError("the path of a request must not hold '.' or '..'")
    joined = _path(base)
    if path:
        joined = f"{joined.rstrip('/')}/{quote(path.lstrip('/'), _IN_PATH)}"
    queries = [part for part in (base.query.decode("ascii"), quote(query, _IN_QUERY)) if part]
    try:
        return base.copy_with(path=joined, query="&".join(queries).encode() or None)
    except httpx.InvalidURL as e:
        raise DocumentError(f"the path of a request is not valid: {e}") from e


def _parameter(name: str, value: Any) -> Iterator[str]:
    """Null gives no parameter."""
    if value is None:
        return
    if isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, (str, int, float, Decimal128)):
        yield str(value)
    else:
        raise DocumentError(f"the request parameter {name} must be a number, a string or a boolean")


def request_headers(fixed: Mapping[str, str], given: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The connection's headers and over them the document's; what cannot be sent is left out.

    Raises DocumentError for a header that is no string.
    """
    headers = {b"content-type": b"application/json", b"accept-encoding": b"gzip"}
    for name, value in [*fixed.items(), *given.items()]:
        if not isinstance(value, str):
            raise DocumentError(f"the request header {name} must be a string")
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in _OWN:
            headers[name.lower().encode()] = value.strip("\t ").encode()
    return headers


def shown(url: httpx.URL) -> str:
    """A URL without what may hold credentials: user, password and query string."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{_path(url)}"


def _path(url: httpx.URL) -> str:
    """As it is sent: what is percent-encoded stays so."""
    return url.raw_path.partition(b"?")[0].decode("ascii")
