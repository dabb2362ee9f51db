"""A client that acts in a storage account as the settings say: by its key, or as a service principal."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from brookmill.config import Outside
from brookmill.connections import Opening
from brookmill.connections.azure_blob_storage.trouble import failing
from brookmill.errors import ConnectionFailed

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import BlobServiceClient

    from brookmill.connections.azure_blob_storage import AzureConfig

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_ENDPOINT = "https://{account}.blob.core.windows.net"
#: Seconds to wait for a connection, and for the next byte of an answer.
_CONNECT, _READ = 10, 60
#: How often is asked, with a second between two tries.
_TRIES = 3
_SCOPE = "https://storage.azure.com/.default"


def account_url(config: AzureConfig | UnsetType, outside: Outside) -> str:
    """Where the storage account is. Raises ConnectionFailed (420) when its name cannot be one."""
    account = _account(config)
    return (outside.azure_endpoint_url or _ENDPOINT).replace("{account}", account)


def blob_client(config: AzureConfig | UnsetType, opening: Opening, connections: int) -> BlobServiceClient:
    """``connections``: how many are kept open. Raises ConnectionFailed (420) when names or settings are
    missing.
    """
    from azure.storage.blob import BlobServiceClient, LinearRetry

    outside, url = opening.outside, account_url(config, opening.outside)
    transport = _transport(opening, connections)
    return BlobServiceClient(
        url,
        credential=_credential(config, _account(config), url, outside, transport),
        transport=transport,
        retry_policy=LinearRetry(backoff=1, retry_total=opening.tries(_TRIES) - 1, random_jitter_range=0),
        logging_enable=False,
    )


def _account(config: AzureConfig | UnsetType) -> str:
    account = "" if config is UNSET or config.storage_account_name is UNSET else config.storage_account_name
    if not _ACCOUNT.fullmatch(account):
        raise _invalid("the connection's azure.storageAccountName is not the name of a storage account")
    return account


def _transport(opening: Opening, connections: int) -> RequestsTransport:
    from azure.core.pipeline.transport import RequestsTransport

    from brookmill.connections.egress.authorities import bundle
    from brookmill.connections.egress.sessions import session

    return RequestsTransport(
        session=session(opening.outside, connections),
        session_owner=False,
        connection_timeout=opening.patience(_CONNECT),
        read_timeout=opening.patience(_READ),
        connection_verify=bundle(),
        use_env_settings=False,
    )


def _credential(config: Any, account: str, url: str, outside: Outside, transport: RequestsTransport) -> Any:
    if outside.azure_account_key:
        return {"account_name": account, "account_key": outside.azure_account_key}
    if not (outside.azure_tenant_id and outside.azure_client_secret):
        raise _invalid(
            "Brookmill's settings hold neither azure_account_key nor azure_tenant_id and azure_client_secret"
        )
    client_id = outside.azure_client_id or config.service_principal_id
    if client_id is UNSET:
        raise _invalid("neither the connection's azure.servicePrincipalId nor azure_client_id is set")
    if urlsplit(url).scheme != "https":
        raise _invalid("a service principal needs an azure_endpoint_url with https")
    from azure.identity import ClientSecretCredential

    authority = {"authority": outside.azure_authority_url} if outside.azure_authority_url else {}
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # what it warns of is raised as well
    try:
        credential = ClientSecretCredential(
            outside.azure_tenant_id,
            client_id,
            outside.azure_client_secret,
            transport=transport,
            disable_instance_discovery=bool(authority),
            retry_total=0,
            **authority,
        )
    except ValueError as e:
        raise _invalid("azure_tenant_id or azure_authority_url in Brookmill's settings is not valid") from e
    with failing("Could not log in to Azure as the service principal"):
        credential.get_token(_SCOPE)
    return credential


def _invalid(text: str) -> ConnectionFailed:
    return ConnectionFailed(text, retry=False, code=420, name="StreamProcessorInvalidOptions")
