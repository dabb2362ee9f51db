"""Who may enter: API keys, service accounts and their secrets, roles, access lists and access tokens.

For the doors there are five calls, all on ``session.access``:

``principal_by_public_key(public_key)``
    answers the ``Principal`` and the HA1 of its key pair, for Digest (realm ``credentials.REALM``), or None.
``issue_token(client_id, client_secret, now, lifetime)``
    checks the client secret and answers a new access token, None when the credentials are wrong or expired
    (needs a writing session; this is the synchronous write that also sets the secret's last use).
``principal_by_token(token, now)``
    answers the ``Principal`` of a valid access token, None when it is unknown, expired or revoked.
``revoke_token(client_id, token)``
    forgets a token of that client; unknown ones are no error.
``authenticates(client_id, client_secret, now)``
    says whether the pair is valid, for the revocation endpoint.

``Principal.access_list`` is what the caller's address must be checked against; ``Store.touch`` notes its use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection as Transaction
from sqlalchemy import RowMapping, Table, bindparam, delete, select, update

from brookmill.domain.access import AccessEntry, ApiKey, ClientSecret, ServiceAccount
from brookmill.domain.principal import Principal, Role
from brookmill.domain.secret import Secret
from brookmill.store import schema
from brookmill.store.credentials import hashed, new_token
from brookmill.store.known import Recall
from brookmill.store.rows import row_of, struct_of
from brookmill.store.tables import Tables
from brookmill.store.vault import API_KEYS, Vault

#: A statement is built once, as in ``tables.py``.
_ACCOUNT_OF_TOKEN = (
    select(schema.service_accounts, schema.tokens.c.expires)
    .join(schema.tokens)
    .where(schema.tokens.c.hash == bindparam("hash"))
)

Roles = tuple[frozenset[Role], Mapping[str, frozenset[Role]]]


class Access:
    """The part of a ``Session`` that keeps credentials. Lists come in the order of creation."""

    def __init__(self, transaction: Transaction, vault: Vault, recall: Recall) -> None:
        self._transaction = transaction
        self._tables = Tables(transaction)
        self._vault = vault
        self._recall = recall

    # --- API keys

    def api_keys(self, *, org_id: str | None = None, group_id: str | None = None) -> list[ApiKey]:
        """The keys of an organization, those with a role in a project, or all."""
        rows = self._principals(schema.api_keys, org_id, group_id)
        return [self._api_key(row) for row in rows]

    def api_key(self, id: str) -> ApiKey | None:
        row = self._tables.one(schema.api_keys, id=id)
        return None if row is None else self._api_key(row)

    def add_api_key(self, key: ApiKey, ha1: Secret) -> None:
        """``ha1``: see ``credentials.ha1``; the private key itself is never kept."""
        row = _without_roles(key)
        row |= self._vault.seal(API_KEYS, row, ha1.reveal().encode())
        self._tables.add(schema.api_keys, row)
        self._grant(key.id, key.org_roles, key.group_roles)

    def replace_api_key(self, key: ApiKey) -> None:
        """Its description and roles; the key pair stays."""
        self._replace(schema.api_keys, key.id, {"description": key.description})
        self._grant(key.id, key.org_roles, key.group_roles)

    def remove_api_key(self, id: str) -> None:
        self._remove(schema.api_keys, id)

    def principal_by_public_key(self, public_key: str) -> tuple[Principal, Secret] | None:
        """Who the key pair belongs to and its HA1. Raises SealError when the row was tampered with."""
        row = self._tables.one(schema.api_keys, public_key=public_key)
        if row is None:
            return None
        ha1 = Secret(self._vault.open(API_KEYS, row).decode())
        return self._principal("API_KEY", row, row["public_key"]), ha1

    # --- service accounts and their secrets

    def service_accounts(
        self, *, org_id: str | None = None, group_id: str | None = None
    ) -> list[ServiceAccount]:
        """The accounts of an organization, those with a role in a project, or all."""
        rows = self._principals(schema.service_accounts, org_id, group_id)
        return [self._service_account(row) for row in rows]

    def service_account(self, client_id: str) -> ServiceAccount | None:
        row = self._tables.one(schema.service_accounts, id=client_id)
        return None if row is None else self._service_account(row)

    def add_service_account(self, account: ServiceAccount) -> None:
        self._tables.add(schema.service_accounts, _without_roles(account))
        self._grant(account.id, account.org_roles, account.group_roles)

    def replace_service_account(self, account: ServiceAccount) -> None:
        """Its name, description and roles."""
        row = {"name": account.name, "description": account.description}
        self._replace(schema.service_accounts, account.id, row)
        self._grant(account.id, account.org_roles, account.group_roles)

    def remove_service_account(self, client_id: str) -> None:
        """The account, its secrets and its tokens: from now on none of them opens anything."""
        self._remove(schema.service_accounts, client_id)

    def client_secrets(self, client_id: str) -> list[ClientSecret]:
        rows = self._tables.all(schema.client_secrets, client_id=client_id)
        return [struct_of(ClientSecret, row) for row in rows]

    def add_client_secret(self, client_id: str, secret: ClientSecret, text: Secret) -> None:
        """Only a hash of ``text`` is kept."""
        row = row_of(secret) | {"client_id": client_id, "hash": hashed(text)}
        self._tables.add(schema.client_secrets, row)

    def remove_client_secret(self, client_id: str, id: str) -> bool:
        """Whether there was one. Tokens that it got stay valid until they expire."""
        return self._tables.remove(schema.client_secrets, client_id=client_id, id=id) == 1

    def authenticates(self, client_id: str, client_secret: Secret, now: float) -> bool:
        """Whether the secret is the client's and not expired."""
        return self._secret_id(client_id, client_secret, now) is not None

    def _secret_id(self, client_id: str, client_secret: Secret, now: float) -> str | None:
        """Looked up by hash, so the time it takes tells nothing about the text of any secret."""
        row = self._tables.one(schema.client_secrets, hash=hashed(client_secret))
        valid = row is not None and row["client_id"] == client_id and row["expires"] > now
        return row["id"] if row is not None and valid else None

    # --- access tokens

    def issue_token(
        self, client_id: str, client_secret: Secret, now: float, lifetime: float = 3600.0
    ) -> Secret | None:
        """A new token that is valid for ``lifetime`` seconds; None when the credentials are not valid."""
        secret_id = self._secret_id(client_id, client_secret, now)
        if secret_id is None:
            return None
        t = schema.tokens
        self._tables.change(schema.client_secrets, {"last_used": now}, id=secret_id)
        self._transaction.execute(delete(t).where(t.c.expires <= now))
        token = new_token()
        self._tables.add(t, {"hash": hashed(token), "client_id": client_id, "expires": now + lifetime})
        return token

    def revoke_token(self, client_id: str, token: Secret) -> None:
        """A token of another client is left alone, as is an unknown one."""
        self._recall.forget()
        self._tables.remove(schema.tokens, hash=hashed(token), client_id=client_id)

    def principal_by_token(self, token: Secret, now: float) -> Principal | None:
        """Remembered, unlike that of an API key: how long an answer takes must not tell which keys exist."""
        hash = hashed(token)
        found = self._recall.get(("token", hash), lambda: self._owner(hash))
        return found[0] if found is not None and found[1] > now else None

    def _owner(self, hash: str) -> tuple[Principal, float] | None:
        """Whose token it is, and when it expires."""
        row = self._transaction.execute(_ACCOUNT_OF_TOKEN, {"hash": hash}).mappings().first()
        return None if row is None else (self._principal("SERVICE_ACCOUNT", row, row["name"]), row["expires"])

    # --- access lists

    def access_list(self, principal_id: str) -> list[AccessEntry]:
        rows = self._tables.all(schema.access_entries, principal_id=principal_id)
        return [struct_of(AccessEntry, row) for row in rows]

    def add_access_entry(self, principal_id: str, entry: AccessEntry) -> None:
        """An entry of the same addresses stays as it is."""
        self._recall.forget()
        t = schema.access_entries
        if self._tables.one(t, principal_id=principal_id, cidr=entry.cidr) is None:
            self._tables.add(t, {"principal_id": principal_id, **row_of(entry)})

    def remove_access_entry(self, principal_id: str, cidr: str) -> bool:
        """Whether there was one."""
        self._recall.forget()
        return self._tables.remove(schema.access_entries, principal_id=principal_id, cidr=cidr) == 1

    def note_use(self, principal_id: str, cidr: str, address: str, at: float, requests: int) -> None:
        """``requests`` more calls came through this entry, the last one from ``address``."""
        t = schema.access_entries
        self._transaction.execute(
            update(t)
            .where(t.c.principal_id == principal_id, t.c.cidr == cidr)
            .values(last_used=at, last_address=address, requests=t.c.requests + requests)
        )

    # --- what both kinds share

    def _principals(self, table: Table, org_id: str | None, group_id: str | None) -> Iterable[RowMapping]:
        found = select(table).order_by(table.c.serial)
        if org_id is not None:
            found = found.where(table.c.org_id == org_id)
        if group_id is not None:
            held = select(schema.roles.c.principal_id).where(schema.roles.c.group_id == group_id)
            found = found.where(table.c.id.in_(held))
        return self._transaction.execute(found).mappings().all()

    def _replace(self, table: Table, id: str, row: Mapping[str, str]) -> None:
        self._recall.forget()
        if self._tables.change(table, row, id=id) != 1:
            raise LookupError(f"{table.name} holds no {id} to replace")

    def _remove(self, table: Table, id: str) -> None:
        self._recall.forget()
        for dependent in (schema.roles, schema.access_entries):
            self._tables.remove(dependent, principal_id=id)
        self._tables.remove(table, id=id)

    def _grant(self, id: str, org: Iterable[Role], groups: Mapping[str, Iterable[Role]]) -> None:
        """These roles and no others; a project that was deleted meanwhile has no roles to give."""
        self._recall.forget()
        t, g = schema.roles, schema.groups
        there = set(self._transaction.execute(select(g.c.id).where(g.c.id.in_(groups))).scalars())
        self._tables.remove(t, principal_id=id)
        rows = [{"principal_id": id, "group_id": None, "role": role.value} for role in sorted(org)]
        rows += [
            {"principal_id": id, "group_id": group_id, "role": role.value}
            for group_id, held in groups.items()
            if group_id in there
            for role in sorted(held)
        ]
        for row in rows:
            self._tables.add(t, row)

    def _roles(self, id: str) -> Roles:
        org: set[Role] = set()
        groups: dict[str, set[Role]] = {}
        for row in self._tables.all(schema.roles, principal_id=id):
            group_id = row["group_id"]
            (org if group_id is None else groups.setdefault(group_id, set())).add(Role(row["role"]))
        return frozenset(org), {group_id: frozenset(held) for group_id, held in groups.items()}

    def _api_key(self, row: RowMapping) -> ApiKey:
        org, groups = self._roles(row["id"])
        return struct_of(ApiKey, {**row, "org_roles": org, "group_roles": groups})

    def _service_account(self, row: RowMapping) -> ServiceAccount:
        org, groups = self._roles(row["id"])
        return struct_of(ServiceAccount, {**row, "org_roles": org, "group_roles": groups})

    def _principal(self, kind: str, row: RowMapping, name: str) -> Principal:
        org, groups = self._roles(row["id"])
        cidrs = tuple(entry.cidr for entry in self.access_list(row["id"]))
        return Principal(
            kind=kind,
            id=row["id"],
            name=name,
            org_id=row["org_id"],
            org_roles=org,
            group_roles=groups,
            access_list=cidrs or None,
        )


def _without_roles(principal: ApiKey | ServiceAccount) -> dict[str, object]:
    """The columns of its own row; roles have a table of theirs."""
    row = row_of(principal)
    return {column: value for column, value in row.items() if not column.endswith("_roles")}
