"""Settings: flag over ``BROOKMILL_*`` over ``brookmill.toml`` over default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from brookmill.errors import BrookmillError


class ConfigError(BrookmillError):
    """A setting is unknown or has a wrong value; the text names it and where it came from."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. In ``brookmill.toml`` under these names, in the environment as ``BROOKMILL_HTTP`` etc.

    ``http``: HOST:PORT to listen on; port 0 takes a free one. ``database``: SQLAlchemy URL, default SQLite in the
    data directory. ``master_key``: base64 of 32 bytes, or ``master_key_file``; else a key file is made in the data
    directory with mode 0600. ``lenient_versions``: unknown version dates round down and plain JSON means newest.
    ``missing_role_status``: 401 or 403 when a role is missing. ``update_in_use``: what a PATCH of a connection does
    while a running processor uses it. ``rate_limit``: calls a minute and project, 0 for none.
    ``checkpoint_interval`` and ``heartbeat_timeout`` in seconds. ``retry_budget``: seconds of restarts with growing
    pauses before a processor is FAILED.
    """

    data_dir: str = "data"
    http: str = "127.0.0.1:8080"
    dev: bool = False
    database: str | None = None
    master_key: str | None = None
    master_key_file: str | None = None
    tls: Literal["off", "self-made", "own"] = "off"
    tls_certificate: str | None = None
    tls_key: str | None = None
    trust_forwarded: bool = False
    lenient_versions: bool = False
    missing_role_status: Literal[401, 403] = 401
    update_in_use: Literal["refuse", "next-start"] = "refuse"
    rate_limit: int = 1200
    max_body: int = 17 * 1024 * 1024
    checkpoint_interval: float = 60.0
    heartbeat_timeout: float = 30.0
    retry_budget: float = 300.0
    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """The settings in force. ``flags`` with value None were not given. ``file``: default ``brookmill.toml`` here.

    Raises ConfigError.
    """
    given: dict[str, Any] = {}
    path = file or Path("brookmill.toml")
    if file or path.exists():
        try:
            given |= {k.replace("-", "_"): v for k, v in tomllib.loads(path.read_text("utf-8")).items()}
        except (OSError, tomllib.TOMLDecodeError) as e:
            raise ConfigError(f"{path}: {e}") from e
    names = {f.name for f in msgspec.structs.fields(Settings)}
    given |= {
        name: value
        for key, value in environ.items()
        if key.startswith("BROOKMILL_") and (name := key.removeprefix("BROOKMILL_").lower()) in names
    }
    given |= {k: v for k, v in flags.items() if v is not None}
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as e:
        raise ConfigError(f"settings: {e}") from e
