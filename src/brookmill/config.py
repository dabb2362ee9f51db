"""Settings: flag over ``BROOKMILL_*`` over ``brookmill.toml`` over default."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from brookmill.errors import BrookmillError

Positive = Annotated[float, msgspec.Meta(gt=0)]
Tier = Literal["SP2", "SP5", "SP10", "SP30", "SP50"]

#: Where a development server speaks the MongoDB protocol unless told otherwise; if taken, on a free port.
DEV_WIRE = "127.0.0.1:27080"

#: What the variables of the environment begin with that are settings.
PREFIX = "BROOKMILL_"
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_HIDDEN = frozenset({"database", "master_key", "aws_secret_access_key", "aws_session_token"})
_HIDDEN |= {"azure_account_key", "azure_client_secret", "vault_token"}
#: Of the environment alone, and of this process alone: no setting of the server.
_EVALUATOR = PREFIX + "MQL"
#: What tests read, where real clients are for example; a server started by them must not mind.
_TESTS = PREFIX + "TEST_"


class ConfigError(BrookmillError):
    """A setting is unknown or wrong; the text names it and where it came from, never a secret value."""


class TierLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tier allows where it shall differ from upstream; None: as there.

    ``memory`` of a worker in bytes, ``added_parallelism`` of all stages together, ``kafka_partitions`` of a
    source (0: any number), ``sync_collections`` of one initial sync.
    """

    memory: Annotated[int, msgspec.Meta(ge=256 * 1024**2)] | None = None
    added_parallelism: Annotated[int, msgspec.Meta(ge=0, le=1024)] | None = None
    kafka_partitions: Annotated[int, msgspec.Meta(ge=0)] | None = None
    sync_collections: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Outside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings about the world that connections reach; workers get these and no others.

    ``allow_private``: connections may lead to loopback and private addresses; None: with ``dev`` only.

    AWS: ``aws_access_key_id``, ``aws_secret_access_key`` and ``aws_session_token`` are who Brookmill itself
    is there; ``aws_ambient``: without them look where AWS's own tools do (environment, profile, container,
    instance). ``aws_credentials``: "assume-role" takes on the role that a connection names, with
    ``aws_external_id``; "static" acts as Brookmill itself, whatever the connection names. ``aws_region``:
    where a stage names none; None: the region of the connection. ``aws_endpoint_url``: another server that
    speaks AWS's protocols, for all services or for one.

    Azure: ``azure_account_key`` opens storage accounts, or else ``azure_client_secret`` of the service
    principal that a connection names in the tenant ``azure_tenant_id``; ``azure_client_id``: another one
    instead. ``azure_endpoint_url``: another server that speaks Azure's protocol; ``{account}`` in it is the
    storage account's name. ``azure_authority_url``: another place to log in.

    GCP: ``gcp_credentials_file`` is the JSON key of a service account. ``gcp_credentials``: "impersonate"
    takes on the service account that a connection names, "static" acts as that of the key, whatever the
    connection names. ``gcp_endpoint_url`` and ``gcp_iam_endpoint_url``: other servers that speak the
    protocols of Pub/Sub and of impersonation; without a key there is no login to the first.
    """

    allow_private: bool | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    aws_session_token: str | None = None
    aws_ambient: bool = False
    aws_credentials: Literal["assume-role", "static"] = "assume-role"
    aws_external_id: str | None = None
    aws_region: str | None = None
    aws_endpoint_url: str | None = None
    aws_endpoint_url_kinesis: str | None = None
    aws_endpoint_url_lambda: str | None = None
    aws_endpoint_url_s3: str | None = None
    aws_endpoint_url_sts: str | None = None
    azure_account_key: str | None = None
    azure_tenant_id: str | None = None
    azure_client_id: str | None = None
    azure_client_secret: str | None = None
    azure_endpoint_url: str | None = None
    azure_authority_url: str | None = None
    gcp_credentials_file: str | None = None
    gcp_credentials: Literal["impersonate", "static"] = "impersonate"
    gcp_endpoint_url: str | None = None
    gcp_iam_endpoint_url: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._members())})"

    def _members(self) -> Iterator[str]:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            yield f"{name}={'…' if value and name in _HIDDEN else repr(value)}"


class Settings(Outside, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set: ``http`` in ``brookmill.toml`` is ``BROOKMILL_HTTP`` in the environment.

    ``http``: HOST:PORT to listen on; port 0 takes a free one. ``wire``: likewise for the MongoDB protocol;
    "off": not at all; None: only with ``dev``, at ``DEV_WIRE``. ``database``: SQLAlchemy URL, default SQLite
    in the data directory. ``master_key``: base64 of 32 bytes, or ``master_key_file``; else a key file is made
    in the data directory with mode 0600. ``tls``: "self-made" makes an authority and a certificate in the
    data directory, "own" takes ``tls_certificate`` and ``tls_key`` (PEM files). ``trust_forwarded``: believe
    the X-Forwarded headers of a proxy in front. ``lenient_versions``: unknown version dates round down and
    plain JSON means newest. ``missing_role_status``: 401 or 403 when a role is missing. ``updates``:
    what a PATCH of a connection does while a running processor uses it. ``rollout_watch``: seconds that each
    processor is watched after it has taken up such a change. ``rate_limit``: calls a minute and project, 0
    for none. ``max_body``: bytes. ``checkpoint_interval`` and ``heartbeat_timeout`` in seconds.
    ``retry_budget``: seconds of restarts with growing pauses before a processor is FAILED. ``sample_rate``:
    documents a second of a sample source. ``metrics_names``: /metrics, which needs no credentials, tells
    names of workspaces and processors and not only ids; in a development server it always does. ``tiers``:
    limits by tier, e.g. ``[tiers.SP10]`` and ``memory = 4294967296``; JSON in the environment.

    ``references_env``, ``references_file`` and ``references_vault``: which variables, files and secrets of
    the vault the texts of connections may refer to, by prefix, apart by commas; None: none. The vault is at
    ``vault_address`` (a URL), asked with ``vault_token`` or what ``vault_token_file`` holds at that moment,
    in ``vault_namespace``.
    """

    data_dir: str = "data"
    http: str = "127.0.0.1:8080"
    wire: str | None = None
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
    updates: Literal["refuse", "next-start", "rolling"] = "refuse"
    rollout_watch: Positive = 5.0
    rate_limit: Annotated[int, msgspec.Meta(ge=0)] = 1200
    max_body: Annotated[int, msgspec.Meta(gt=0)] = 17 * 1024 * 1024
    checkpoint_interval: Positive = 60.0
    heartbeat_timeout: Positive = 30.0
    retry_budget: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    sample_rate: Positive = 10.0
    metrics_names: bool = False
    tiers: dict[Tier, TierLimits] = {}
    references_env: str | None = None
    references_file: str | None = None
    references_vault: str | None = None
    vault_address: str | None = None
    vault_token: str | None = None
    vault_token_file: str | None = None
    vault_namespace: str | None = None
    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def outside(self) -> Outside:
        """What a worker gets of it."""
        members = {name: getattr(self, name) for name in Outside.__struct_fields__}
        if members["allow_private"] is None:
            members["allow_private"] = self.dev
        return Outside(**members)


def address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; an IPv6 host stands in brackets. Raises ConfigError."""
    if (match := _ADDRESS.fullmatch(text)) and int(match["port"]) < 65536:
        return match["v6"] or match["host"], int(match["port"])
    raise ConfigError(f"{text!r} is not HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:0")


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """The settings in force. ``flags`` with value None were not given; ``file`` None: ``brookmill.toml``.

    Raises ConfigError.
    """
    path = file or Path("brookmill.toml")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer, source in (
        (_from_file(path) if file or path.exists() else {}, f"{{}} in {path}"),
        (_from_environment(environ), "the environment variable {env}"),
        ({k: v for k, v in flags.items() if v is not None}, "the flag --{flag}"),
    ):
        values |= layer
        sources |= {n: source.format(n, env=PREFIX + n.upper(), flag=n.replace("_", "-")) for n in layer}
    return _checked(values, sources)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return {k.replace("-", "_"): v for k, v in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError) as e:
        raise ConfigError(f"{path}: {e.strerror if isinstance(e, OSError) else e}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = [
        name
        for name in environ
        if name.startswith(PREFIX) and name != _EVALUATOR and not name.startswith(_TESTS)
    ]
    return {name.removeprefix(PREFIX).lower(): environ[name] for name in names}


def mql_evaluator(environ: Mapping[str, str] = os.environ) -> Literal["generated", "reference"]:
    """What ``brookmill.mql`` answers with: ``BROOKMILL_MQL``, by default "generated". Raises ConfigError."""
    match environ.get(_EVALUATOR, "generated"):
        case "generated":
            return "generated"
        case "reference":
            return "reference"
        case other:
            raise ConfigError(f"{_EVALUATOR} must be generated or reference, not {other!r}")


def _checked(values: dict[str, Any], sources: Mapping[str, str]) -> Settings:
    known = Settings.__struct_fields__
    for name in values.keys() - known:
        near = difflib.get_close_matches(name, known, 1)
        raise ConfigError(f"{sources[name]} is no setting" + (f"; {near[0]} is" if near else ""))
    try:
        if isinstance(tiers := values.get("tiers"), str):
            values["tiers"] = msgspec.json.decode(tiers)
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as e:
        text, _, place = str(e).rpartition(" - at ")
        name = place.partition("$.")[2]  # such as `$.tls`, `$.tiers[...].memory` and `key` in `$.tiers`
        raise ConfigError(f"{sources[re.split('[^a-z_]', name)[0]]}: {text}") from None
    except msgspec.DecodeError as e:
        raise ConfigError(f"{sources['tiers']}: {e}") from None
    for name in ("http", "wire"):
        text = getattr(settings, name)
        try:
            if text not in (None, "off") or name == "http":
                address(text)
        except ConfigError as e:
            raise ConfigError(f"{sources[name]}: {e}") from None
    if settings.tls == "own" and not (settings.tls_certificate and settings.tls_key):
        raise ConfigError(f"{sources['tls']} needs tls_certificate and tls_key")
    return settings
