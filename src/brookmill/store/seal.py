"""Sealing: AES-256-GCM under the master keys, bound to the place where the sealed value is kept."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from brookmill.config import Settings
from brookmill.errors import BrookmillError

_NONCE = 12
KEY_FILE = "master.key"


class SealError(BrookmillError):
    """A master key is missing or malformed, or a sealed value was changed or moved from where it belongs."""


class Keyring:
    """The master keys by id; the first one given is what ``brookmill keys rotate`` moves everything to.

    ``path`` is the file they came from, None when they came from the settings. A ring that came from a file
    looks into it again when it meets an unknown id, because another process may just have rotated.
    A key's id is a fingerprint and tells nothing about the key.
    """

    def __init__(self, keys: Sequence[bytes], path: Path | None = None, *, own: bool = False) -> None:
        self.path = path
        self.own = own
        self._take(keys)

    def _take(self, keys: Sequence[bytes]) -> None:
        self._texts = {_fingerprint(key): key for key in keys}
        self._ciphers = {id: AESGCM(key) for id, key in self._texts.items()}

    @classmethod
    def load(cls, settings: Settings) -> Keyring:
        """The ring that the settings name; without any, a file made on the first call in the data directory.

        Raises SealError.
        """
        if settings.master_key is not None:
            return cls(_parse(settings.master_key, "the setting master_key"))
        if settings.master_key_file is not None:
            path = Path(settings.master_key_file)
            return cls(_read(path), path)
        path = Path(settings.data_dir) / KEY_FILE
        if not path.exists():
            write_keys(path, [secrets.token_bytes(32)], replace=False)
        return cls(_read(path), path, own=True)

    @property
    def ids(self) -> list[str]:
        """Ids of all keys, the preferred one first."""
        return list(self._texts)

    @property
    def texts(self) -> list[bytes]:
        """The keys themselves, in the order of ``ids``."""
        return list(self._texts.values())

    def reload(self) -> None:
        """Read the file again, if there is one. Keys gone from it still open what was read before."""
        if self.path is not None:
            self._take([*_read(self.path), *self.texts])

    def __contains__(self, id: str) -> bool:
        if id not in self._ciphers:
            self.reload()
        return id in self._ciphers

    def seal(self, id: str, text: bytes, place: Sequence[str]) -> bytes:
        """``text`` encrypted and bound to ``place``: only ``open`` with the very same place answers it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher(id).encrypt(nonce, text, _bound(place))

    def open(self, id: str, sealed: bytes, place: Sequence[str]) -> bytes:
        """The text sealed for ``place``. Raises SealError; its text names the place, never the content."""
        try:
            return self._cipher(id).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(place))
        except (InvalidTag, ValueError) as e:
            raise SealError(f"the sealed value of {'/'.join(place)} was changed or moved") from e

    def _cipher(self, id: str) -> AESGCM:
        if id not in self:
            raise SealError(f"master key {id} is not among the configured keys ({', '.join(self.ids)})")
        return self._ciphers[id]


def _bound(place: Sequence[str]) -> bytes:
    """The place as authenticated data; lengths keep ("a", "bc") and ("ab", "c") apart."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in place)


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"brookmill master key id" + key).hexdigest()[:16]


def _parse(text: str, where: str) -> list[bytes]:
    """Base64 of 32 bytes each, apart by blanks or commas."""
    try:
        keys = [base64.b64decode(word, validate=True) for word in text.replace(",", " ").split()]
    except ValueError:
        raise SealError(f"{where} is not base64") from None
    if not keys or any(len(key) != 32 for key in keys):
        raise SealError(f"{where} must be base64 of 32 bytes")
    return keys


def _read(path: Path) -> list[bytes]:
    try:
        return _parse(path.read_text("ascii"), f"the key file {path}")
    except (OSError, UnicodeDecodeError) as e:
        raise SealError(f"the key file {path} cannot be read: {e}") from e


def write_keys(path: Path, keys: Sequence[bytes], *, replace: bool = True) -> None:
    """Write the key file in one step, so that a crash leaves the old or the new one whole; mode 0600.

    ``replace`` False: leave a file alone that another process made first.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    text = "".join(base64.b64encode(key).decode() + "\n" for key in keys)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        draft.replace(path)
    else:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
