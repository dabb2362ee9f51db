"""The fields of ``$https``, as pipelines write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

Seconds = Annotated[int, msgspec.Meta(ge=1, le=3600)]


class RequestConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``parse_json_strings``: texts in the reply that hold a JSON object or array become what they hold."""

    connection_timeout_sec: Seconds = 30
    request_timeout_sec: Seconds = 60
    parse_json_strings: bool = False


class HttpsOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``path``, the members of ``parameters`` and ``headers`` are expressions, ``payload`` a pipeline.

    ``payload`` UNSET: the body is the whole document, and with GET there is none. ``as_`` is the path of the
    field that takes the reply. ``parallelism``: requests at once, an extension of ours. Reference: engine
    reference, section 1.5.
    """

    operator: ClassVar[str] = "HttpsOperator"

    connection_name: str
    path: Any | UnsetType = UNSET
    parameters: dict[str, Any] = {}
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, Any] = {}
    payload: list[dict[str, Any]] | UnsetType = UNSET
    as_: str | UnsetType = field(name="as", default=UNSET)
    on_error: Literal["dlq", "ignore", "fail"] = "dlq"
    config: RequestConfig = RequestConfig()
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1

    def expressions(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Column, path of the member and spec of every expression."""
        if self.path is not UNSET:
            yield "path", ("path",), self.path
        for name, spec in self.parameters.items():
            yield f"parameters.{name}", ("parameters", name), spec
        for name, spec in self.headers.items():
            yield f"headers.{name}", ("headers", name), spec

    def problems(self, constants: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and text of what is wrong with constants."""
        if not isinstance(constants.get("path", ""), str):
            yield ("path",), "path must be a string, or an expression that gives one"
        for name in self.headers:
            if not isinstance(constants.get(f"headers.{name}", ""), str):
                yield ("headers", name), "a header must be a string, or an expression that gives one"


class HttpsProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a test tries: a path behind that of the connection's URL, with GET."""

    path: str | UnsetType = UNSET
