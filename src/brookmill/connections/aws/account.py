"""Clients that act in AWS as a connection says: under its role, or as Brookmill itself."""

from __future__ import annotations

import datetime as dt
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.aws import AWSConfig
from brookmill.connections.aws.trouble import failing
from brookmill.connections.egress.authorities import bundle
from brookmill.connections.egress.pools import guard
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.session import Session
    from types_boto3_sts import STSClient

Service = Literal["kinesis", "lambda", "s3", "sts"]

#: Seconds to wait for a connection, and for the next byte of an answer.
CONNECT, READ = 10, 60
#: A request is sent so many times when it fails in a way that passes, with growing pauses.
_TRIES = 3


class Account:
    """One processor's way into AWS for one connection.

    With "assume-role" the role's credentials are asked for at once, and again before they expire.
    """

    def __init__(self, config: AWSConfig | UnsetType, opening: Opening, region: str) -> None:
        """Raises ConnectionFailed when the role cannot be taken on; 420 when settings or role are missing."""
        self._opening = opening
        self._outside = opening.outside
        self._clock = opening.clock
        self._region = region
        self._processor_id = opening.processor_id
        self._session = _own_session(opening.outside)
        self._role = ""
        if opening.outside.aws_credentials == "assume-role":
            self._role = _role(config)
            self._sts: STSClient = self.client("sts")
            self._session = self._assumed()

    def client(self, service: Service, **config: Any) -> Any:
        """A client of botocore for ``service``, safe for threads. ``config``: as its ``Config``."""
        from botocore.config import Config

        usual: dict[str, Any] = {
            "connect_timeout": self._opening.patience(CONNECT),
            "read_timeout": self._opening.patience(READ),
            "retries": {"mode": "standard", "total_max_attempts": self._opening.tries(_TRIES)},
            "proxies": {},
            "ignore_configured_endpoint_urls": True,
            "tcp_keepalive": True,
            "user_agent_extra": "brookmill",
        }
        endpoint = endpoint_url(self._outside, service)
        if endpoint is not None and service == "s3":
            usual["s3"] = {"addressing_style": "path"}  # buckets of other servers have no host names
        with failing(f"The AWS service {service} cannot be used"):
            try:
                client: Any = self._session.create_client(
                    service,
                    self._region,
                    endpoint_url=endpoint,
                    verify=bundle(),
                    config=Config(**(usual | config)),
                )
            except ValueError as e:
                raise invalid(f"the setting aws_endpoint_url is no URL that {service} could be at") from e
        guard(client._endpoint.http_session._manager, self._outside)
        return client

    def _assumed(self) -> Session:
        from botocore.credentials import RefreshableCredentials

        given = self._assume()
        session: Any = _bare_session()
        session._credentials = RefreshableCredentials(  # it has no public way to be given such
            given["access_key"],
            given["secret_key"],
            given["token"],
            dt.datetime.fromisoformat(given["expiry_time"]),
            self._assume,
            "assume-role",
            self._now,
        )
        return session  # type: ignore[no-any-return]

    def _assume(self) -> dict[str, str]:
        """Ask for an hour under the role, in the form in which botocore keeps it."""
        asked: dict[str, Any] = {"RoleArn": self._role, "RoleSessionName": f"brookmill-{self._processor_id}"}
        if self._outside.aws_external_id is not None:
            asked["ExternalId"] = self._outside.aws_external_id
        with failing(f"Could not take on the AWS role {self._role}", denied="ROLE"):
            given = self._sts.assume_role(**asked)["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock.now(), dt.UTC)


def endpoint_url(outside: Outside, service: Service) -> str | None:
    """The server that stands for AWS's own; None: AWS's own. Raises ConnectionFailed (420)."""
    url: str | None = getattr(outside, f"aws_endpoint_url_{service}") or outside.aws_endpoint_url
    if url is not None and "@" in urlsplit(url).netloc:
        raise invalid("the setting aws_endpoint_url must not hold a user: AWS takes keys alone")
    return url


def service_url(outside: Outside, service: Service, region: str) -> str:
    """Where a client of ``service`` goes. Raises ConnectionFailed (420) for a region that cannot be."""
    if (url := endpoint_url(outside, service)) is not None:
        return url
    found = _bare_session().get_component("endpoint_resolver").construct_endpoint(service, region)
    if not found:
        raise invalid(f"AWS has no region {region}")
    return f"https://{found['hostname']}"


def check(config: AWSConfig | UnsetType, outside: Outside) -> None:
    """Raises ConnectionFailed (420) when settings or role are missing, as an Account would."""
    _own_session(outside)
    if outside.aws_credentials == "assume-role":
        _role(config)


def invalid(text: str) -> ConnectionFailed:
    """The failure of options and settings that cannot be right whatever AWS says."""
    return ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")


def _role(config: AWSConfig | UnsetType) -> str:
    if config is UNSET or not config.role_arn:
        raise invalid("the connection has no aws.roleArn, and the setting aws_credentials is assume-role")
    return config.role_arn


def _own_session(outside: Outside) -> Session:
    """A session of Brookmill itself. Raises ConnectionFailed (420) when nobody says who that is."""
    from botocore.session import Session

    if outside.aws_access_key_id and outside.aws_secret_access_key:
        session = _bare_session()
        session.set_credentials(
            outside.aws_access_key_id, outside.aws_secret_access_key, outside.aws_session_token
        )
        return session
    if outside.aws_ambient:
        return Session()
    raise invalid(
        "Brookmill has no AWS credentials: set aws_access_key_id and aws_secret_access_key, or aws_ambient"
    )


def _bare_session() -> Session:
    """A session that neither files nor the environment tell anything."""
    from botocore.session import Session

    session = Session(session_vars={"profile": (None, None, None, None)})
    for file in ("config_file", "credentials_file"):
        session.set_config_variable(file, os.devnull)
    session.register_component("data_loader", _descriptions())
    return session


@cache
def _descriptions() -> Loader:
    """The descriptions of AWS's services, which take longer to read than all else here: once for all."""
    from botocore.loaders import create_loader

    return create_loader()
