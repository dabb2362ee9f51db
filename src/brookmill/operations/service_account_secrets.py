"""Secrets of service accounts: add one, remove one."""

from __future__ import annotations

from typing import Any

import msgspec

from brookmill.domain.access import ServiceAccount
from brookmill.domain.principal import OWNERS
from brookmill.errors import UserError
from brookmill.operations import Call, operation
from brookmill.operations.body import Body
from brookmill.operations.group_service_accounts import find_group_service_account
from brookmill.operations.service_accounts import Hours, add_secret, find_service_account
from brookmill.store import Session

_OF_ORG = "/orgs/{orgId}/serviceAccounts/{clientId}/secrets"
_OF_GROUP = "/groups/{groupId}/serviceAccounts/{clientId}/secrets"


class NewSecret(msgspec.Struct, frozen=True, rename="camel"):
    """Upstream's ``ServiceAccountSecretRequest``."""

    secret_expires_after_hours: Hours


@operation("createOrgServiceAccountSecret", f"POST {_OF_ORG}", since="2024-08-05", roles=OWNERS, status=201)
def create_secret(call: Call, org_id: str, client_id: str) -> Any:
    """Add a secret. This answer alone has its text."""
    hours = _hours(call)
    with call.store.write() as session:
        account = find_service_account(session, org_id, client_id)
        return add_secret(call, session, account.id, hours)


@operation(
    "deleteOrgServiceAccountSecret",
    f"DELETE {_OF_ORG}/{{secretId}}",
    since="2024-08-05",
    roles=OWNERS,
    status=204,
)
def delete_secret(call: Call, org_id: str, client_id: str, secret_id: str) -> None:
    """Remove a secret; tokens that it got stay valid until they expire."""
    with call.store.write() as session:
        _remove(session, find_service_account(session, org_id, client_id), secret_id)


@operation(
    "createGroupServiceAccountSecret", f"POST {_OF_GROUP}", since="2024-08-05", roles=OWNERS, status=201
)
def create_group_secret(call: Call, group_id: str, client_id: str) -> Any:
    """Add a secret to an account of the project. This answer alone has its text."""
    hours = _hours(call)
    with call.store.write() as session:
        account = find_group_service_account(session, call, group_id, client_id)
        return add_secret(call, session, account.id, hours)


@operation(
    "deleteGroupServiceAccountSecret",
    f"DELETE {_OF_GROUP}/{{secretId}}",
    since="2024-08-05",
    roles=OWNERS,
    status=204,
)
def delete_group_secret(call: Call, group_id: str, client_id: str, secret_id: str) -> None:
    """Remove a secret of an account of the project."""
    with call.store.write() as session:
        _remove(session, find_group_service_account(session, call, group_id, client_id), secret_id)


def _hours(call: Call) -> int:
    return Body.parse(call.body).into(NewSecret).secret_expires_after_hours


def _remove(session: Session, account: ServiceAccount, secret_id: str) -> None:
    if not session.access.remove_client_secret(account.id, secret_id):
        raise UserError("SERVICE_ACCOUNT_SECRET_NOT_FOUND", secret_id[:120], account.id)
