"""``--dev``: the same credentials at every start, also after a crash at the worst moment."""

from __future__ import annotations

from pathlib import Path

import msgspec

from brookmill.clock import SystemClock
from brookmill.config import Settings
from brookmill.domain.database_user import DatabaseRole
from brookmill.domain.principal import Role
from brookmill.domain.secret import Secret
from brookmill.store import Store
from brookmill.store import seed as seeding
from brookmill.store.credentials import ha1
from brookmill.store.seed import CREDENTIALS_FILE, DevCredentials, credentials


def seed(store: Store, data: Path, now: float) -> DevCredentials:
    """What is kept of a password is a matter of the wire door."""
    return seeding.seed(store, data, now, lambda password: Secret(f"of {password.reveal()}"))


def opens(store: Store, made: DevCredentials) -> bool:
    """Whether both pairs of credentials are an owner's."""
    with store.write() as session:
        found = session.access.principal_by_public_key(made.public_key)
        token = session.access.issue_token(made.client_id, made.client_secret, 2.0)
        assert found is not None
        assert token is not None
        account = session.access.principal_by_token(token, 3.0)
        assert account is not None
        user = session.database_users.by_name(made.db_user)
        assert user is not None
        assert made.db_password is not None
    assert found[0].org_roles == account.org_roles == {Role.ORG_OWNER}
    assert user[0].roles == (DatabaseRole.ATLAS_ADMIN,)
    assert user[1] == Secret(f"of {made.db_password.reveal()}")
    return found[1] == ha1(made.public_key, made.private_key)


def test_the_first_start_seeds_and_later_ones_find_it(store: Store, settings: Settings) -> None:
    data = Path(settings.data_dir)
    assert credentials(data) is None
    made = seed(store, data, 1.0)
    assert opens(store, made)
    assert seed(store, data, 9.0) == credentials(data) == made
    assert (data / CREDENTIALS_FILE).stat().st_mode & 0o777 == 0o600
    with store.read() as session:
        group = session.group(made.project_id)
        assert group is not None
        assert group.org_id == made.org_id


def test_a_crash_between_file_and_database_is_made_good(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    data = Path(settings.data_dir)
    other = Store.open(Settings(data_dir=str(tmp_path / "other")), SystemClock())
    made = seed(other, data, 1.0)
    other.close()
    assert seed(store, data, 1.0) == made
    assert opens(store, made)
    (data / CREDENTIALS_FILE).rename(data / "dev-credentials.new")
    assert seed(store, data, 1.0) != made, "a half-written file counts as none"


def test_the_credentials_of_an_older_version_get_a_database_user(store: Store, settings: Settings) -> None:
    data = Path(settings.data_dir)
    made = seed(store, data, 1.0)
    written = msgspec.json.decode((data / CREDENTIALS_FILE).read_bytes())
    del written["dbUser"], written["dbPassword"]
    (data / CREDENTIALS_FILE).write_bytes(msgspec.json.encode(written))
    with store.write() as session:
        assert session.database_users.remove(made.db_user)
    again = seed(store, data, 2.0)
    assert (again.public_key, again.client_id) == (made.public_key, made.client_id)
    assert again.db_password != made.db_password
    assert opens(store, again)
