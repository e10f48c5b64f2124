"""What the server keeps: users, tokens and the processes of users, in one file of SQLite.

Threads and processes may use it at the same time (a command adds a user while the server runs).
Of passwords and tokens it holds hashes only.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.disks import make_folder
from workbench.errors import BadFile, BadInput
from workbench.openeo.errors import error

__all__ = ["FILE", "LOCAL", "MOST_STORED", "Store", "User"]

FILE = "server.sqlite"
"""Name of the file in the folder of the server's state."""

MOST_STORED = 100_000_000
"""Characters of JSON of all processes of a user."""

SCHEMAS = (
    """
    CREATE TABLE users (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT, since REAL NOT NULL);
    CREATE TABLE tokens (
        hash BLOB PRIMARY KEY, kind TEXT NOT NULL, expires REAL NOT NULL,
        user TEXT NOT NULL REFERENCES users ON DELETE CASCADE);
    CREATE INDEX tokens_by_end ON tokens (expires);
    CREATE TABLE processes (
        user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, id TEXT NOT NULL,
        outline TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (user, id));
    """,
)
"""What makes each version of the file out of the one before; ``user_version`` counts them."""

IN_LIST = frozenset({"process_graph", "exceptions", "examples", "links"})
"""What a list of processes leaves out of each."""


@dataclass(frozen=True)
class User:
    """Somebody who has signed in."""

    id: str
    """Never given again, not even to one of the same name."""
    name: str
    """By which one signs in."""


LOCAL = User("local", "local")
"""The one user of a server without accounts."""


class Store:
    """The file, open; made where it is missing, readable for its owner only.

    Raises
    ------
    BadFile
        If it cannot be opened, or a newer version of the workbench wrote it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / FILE
        self._writes, self._reads = threading.Lock(), threading.Lock()
        make_folder(self.path.parent)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = _connected(self.path)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._upgrade()
            self._reader = _connected(self.path)  # in WAL, who reads waits for nobody who writes
        except (OSError, sqlite3.Error) as cause:
            raise BadFile(f"{self.path} cannot hold accounts and processes: {cause}") from cause

    def close(self) -> None:
        """Close the file."""
        with self._writes, self._reads:
            self._reader.close()
            self._db.close()  # the last one tidies up the files beside it

    def _upgrade(self) -> None:
        with self._writing() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(SCHEMAS):
                raise BadFile(
                    f"{self.path} has version {version}, this workbench knows {len(SCHEMAS)} and "
                    "older: update it, or take another --state folder"
                )
            for schema in SCHEMAS[version:]:
                for statement in filter(str.strip, schema.split(";")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(SCHEMAS)}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Do all of a block or nothing of it, while nobody else writes."""
        with self._writes:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._reads:
            return self._reader.execute(query, values).fetchall()

    # Users

    def add_user(self, name: str, password: str) -> User:
        """Add a user with the hash of a password.

        Raises
        ------
        BadInput
            If there is one of this name.
        """
        user = User(secrets.token_hex(8), name)
        with self._writing() as db:
            if db.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise BadInput(f"there is a user {name} already")
            values = (user.id, name, password, time.time())
            db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", values)
        return user

    def local_user(self) -> User:
        """Return the one user of a server without accounts."""
        with self._writing() as db:
            values = (LOCAL.id, LOCAL.name, time.time())
            db.execute("INSERT OR IGNORE INTO users VALUES (?, ?, NULL, ?)", values)
        return LOCAL

    def users(self) -> list[User]:
        """List who can sign in by a password, by name."""
        rows = self._rows("SELECT id, name FROM users WHERE password NOT NULL ORDER BY name")
        return [User(*row) for row in rows]

    def password(self, name: str) -> tuple[User, str] | None:
        """Return a user and the hash of the password; None if nobody signs in by this name."""
        query = "SELECT id, name, password FROM users WHERE name = ? AND password NOT NULL"
        rows = self._rows(query, name)
        return (User(*rows[0][:2]), rows[0][2]) if rows else None

    def remove_user(self, name: str) -> None:
        """Remove a user with tokens and processes.

        Raises
        ------
        BadInput
            If there is none of this name.
        """
        with self._writing() as db:
            if not db.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount:
                known = ", ".join(user.name for user in self.users()) or "there are none"
                raise BadInput(f"there is no user {name}; users: {known}")

    # Tokens

    def new_token(self, user: User, kind: str, seconds: float) -> str:
        """Return a new token for a user, which is good for some seconds."""
        token = secrets.token_urlsafe(32)
        now = time.time()
        with self._writing() as db:
            db.execute("DELETE FROM tokens WHERE expires <= ?", (now,))
            values = (_hash(token), kind, now + seconds, user.id)
            db.execute("INSERT INTO tokens (hash, kind, expires, user) VALUES (?, ?, ?, ?)", values)
        return token

    def token_user(self, token: str, kind: str) -> User | None:
        """Return whose token this is; None if it has expired or never was one."""
        query = (
            "SELECT users.id, users.name FROM tokens JOIN users ON users.id = tokens.user "
            "WHERE hash = ? AND kind = ? AND expires > ?"
        )
        rows = self._rows(query, _hash(token), kind, time.time())
        return User(*rows[0]) if rows else None

    # Processes of users

    def put_process(self, user: User, name: str, definition: Mapping[str, Any]) -> None:
        """Keep a process of a user in the place of what had its name.

        Raises
        ------
        OpenEOError
            ``StorageQuotaExceeded`` if all of them would be longer than `MOST_STORED`.
        """
        text = json.dumps(definition)
        outline = json.dumps({k: v for k, v in definition.items() if k not in IN_LIST})
        with self._writing() as db:
            query = (
                "SELECT total(length(outline) + length(definition)) FROM processes "
                "WHERE user = ? AND id != ?"
            )
            (others,) = db.execute(query, (user.id, name)).fetchone()
            if (size := int(others) + len(text) + len(outline)) > MOST_STORED:
                raise error(
                    "StorageQuotaExceeded",
                    detail=f"All your processes would take {size:,} bytes, and {MOST_STORED:,} are "
                    "the limit: delete some.",
                )
            db.execute(
                "INSERT OR REPLACE INTO processes (user, id, outline, definition) "
                "VALUES (?, ?, ?, ?)",
                (user.id, name, outline, text),
            )

    def outlines(self, user: User) -> list[dict[str, Any]]:
        """List the processes of a user, by name, without their graphs."""
        rows = self._rows("SELECT outline FROM processes WHERE user = ? ORDER BY id", user.id)
        return [json.loads(outline) for (outline,) in rows]

    def process_names(self, user: User) -> list[str]:
        """List the names of a user's processes."""
        rows = self._rows("SELECT id FROM processes WHERE user = ? ORDER BY id", user.id)
        return [name for (name,) in rows]

    def process(self, user: User, name: str) -> dict[str, Any] | None:
        """Return a process of a user; None if there is none of this name."""
        query = "SELECT definition FROM processes WHERE user = ? AND id = ?"
        rows = self._rows(query, user.id, name)
        found: dict[str, Any] | None = json.loads(rows[0][0]) if rows else None
        return found

    def delete_process(self, user: User, name: str) -> bool:
        """Remove a process of a user; tell whether there was one."""
        with self._writing() as db:
            query = "DELETE FROM processes WHERE user = ? AND id = ?"
            return db.execute(query, (user.id, name)).rowcount > 0


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def _hash(token: str) -> bytes:
    """Return what is kept of a token; it is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
