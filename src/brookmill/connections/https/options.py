"""The fields of ``$https``, as pipelines write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

Seconds = Annotated[int, msgspec.Meta(ge=1, le=3600)]


class RequestConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``parse_json_strings`` is about the reply, which a sink does not use."""

    connection_timeout_sec: Seconds = 30
    request_timeout_sec: Seconds = 60
    parse_json_strings: bool = False


class HttpsOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``path``, the members of ``parameters`` and ``headers`` are expressions, ``payload`` a pipeline.

    ``payload`` UNSET: the body is the whole document. Reference: engine reference, section 1.5.
    """

    connection_name: str
    path: Any | UnsetType = UNSET
    parameters: dict[str, Any] = {}
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, Any] = {}
    payload: list[dict[str, Any]] | UnsetType = UNSET
    as_: str | UnsetType = field(name="as", default=UNSET)
    on_error: Literal["dlq", "ignore", "fail"] = "dlq"
    config: RequestConfig = RequestConfig()
