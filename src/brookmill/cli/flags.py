"""Flags that several commands share: where the settings and the store are, and how to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from brookmill import config

if TYPE_CHECKING:
    from brookmill.config import Settings
    from brookmill.store import Store

Output = Annotated[
    Literal["table", "json", "yaml"],
    Parameter(name=["--output", "-o"], help="How to answer.", show_choices=True),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to work; what is not given comes from the environment or ``brookmill.toml``.

    Parameters
    ----------
    data_dir
        Directory of the store, the keys and server.json.
    database
        SQLAlchemy URL, when the store is not in the data directory.
    config
        Settings file, default brookmill.toml in the working directory.
    """

    data_dir: str | None = None
    database: str | None = None
    config: Path | None = None

    def settings(self, **flags: object) -> Settings:
        """The settings in force. Raises ConfigError."""
        return config.load({"data_dir": self.data_dir, "database": self.database, **flags}, file=self.config)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, open; a server may run on it meanwhile. Raises ConfigError, StoreError."""
        from brookmill.clock import SystemClock
        from brookmill.store import Store

        store = Store.open(self.settings(), SystemClock())
        try:
            yield store
        finally:
            store.close()


#: A command's default for its ``Place``: all from the environment and the settings file.
HERE = Place()
