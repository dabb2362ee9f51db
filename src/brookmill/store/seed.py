"""What ``brookmill serve --dev`` makes on its first start: an organization, a project and credentials."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from brookmill.domain.access import ApiKey, ClientSecret, ServiceAccount
from brookmill.domain.database_user import DatabaseUser
from brookmill.domain.names import new_id
from brookmill.domain.principal import Role
from brookmill.domain.secret import Secret
from brookmill.domain.workspace import Group, Organization
from brookmill.store import Session, Store, StoreError
from brookmill.store.connections import hide, reveal
from brookmill.store.credentials import (
    ha1,
    masked,
    new_client_id,
    new_client_secret,
    new_password,
    new_private_key,
    new_public_key,
)

CREDENTIALS_FILE = "dev-credentials.json"

_TEN_YEARS = 10 * 365 * 86_400.0


class DevCredentials(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The seeded ids and the only copy of the seeded secrets, as the data directory keeps them.

    ``db_user`` logs in with the MongoDB protocol; ``db_password`` None: an older version wrote the file.
    """

    org_id: str
    project_id: str
    public_key: str
    private_key: Secret
    client_id: str
    client_secret: Secret
    db_user: str = "dev"
    db_password: Secret | None = None


def credentials(data_dir: Path) -> DevCredentials | None:
    """What an earlier ``seed`` wrote; None when there is no such file. Raises StoreError."""
    path = data_dir / CREDENTIALS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=DevCredentials, dec_hook=hide)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        raise StoreError(
            f"{path} is not what --dev wrote; put it back, or remove it to have other credentials made"
        ) from None


def seed(store: Store, data_dir: Path, now: float, scram: Callable[[Secret], Secret]) -> DevCredentials:
    """Make what ``--dev`` promises unless it is there already; ``now`` in seconds since the epoch.

    ``scram``: what is kept of a database user's password.

    The file is written before the database: a crash between the two is made good by the next start, and
    credentials that were shown once stay valid.
    """
    found = credentials(data_dir)
    if found is None or found.db_password is None:
        password = new_password()
        found = msgspec.structs.replace(found or _made(now), db_password=password)
        _keep(data_dir / CREDENTIALS_FILE, found)
    with store.write() as session:
        if session.organization(found.org_id) is None:
            _fill(session, found, now)
        if session.database_users.by_name(found.db_user) is None and session.group(found.project_id):
            assert found.db_password is not None
            user = DatabaseUser(id=new_id(now), group_id=found.project_id, name=found.db_user, created=now)
            session.database_users.add(user, scram(found.db_password))
    return found


def _made(now: float) -> DevCredentials:
    return DevCredentials(
        org_id=new_id(now),
        project_id=new_id(now),
        public_key=new_public_key(),
        private_key=new_private_key(),
        client_id=new_client_id(),
        client_secret=new_client_secret(),
    )


def _keep(path: Path, made: DevCredentials) -> None:
    draft = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()  # of a start that crashed here
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(made, enc_hook=reveal)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _fill(session: Session, made: DevCredentials, now: float) -> None:
    owner = frozenset({Role.ORG_OWNER})
    session.add_organization(Organization(id=made.org_id, name="Development", created=now))
    session.add_group(Group(id=made.project_id, org_id=made.org_id, name="Development", created=now))
    key = ApiKey(
        id=new_id(now),
        org_id=made.org_id,
        public_key=made.public_key,
        description="Made by brookmill serve --dev",
        created=now,
        org_roles=owner,
    )
    session.access.add_api_key(key, ha1(made.public_key, made.private_key))
    account = ServiceAccount(
        id=made.client_id,
        org_id=made.org_id,
        name="development",
        description="Made by brookmill serve --dev",
        created=now,
        org_roles=owner,
    )
    session.access.add_service_account(account)
    shown = masked(made.client_secret)
    secret = ClientSecret(id=new_id(now), masked=shown, created=now, expires=now + _TEN_YEARS)
    session.access.add_client_secret(made.client_id, secret, made.client_secret)
