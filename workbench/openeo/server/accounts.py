"""Who somebody is: passwords and tokens, checked."""

from __future__ import annotations

import re

from workbench.errors import BadInput
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.server.attempts import Attempts
from workbench.openeo.server.passwords import hashed, is_password, spent
from workbench.openeo.server.store import LOCAL, Store, User

__all__ = ["ACCESS_S", "REFRESH_S", "Accounts", "add_user"]

ACCESS_S = 12 * 3600
"""Seconds for which a token is good with which one works."""

REFRESH_S = 30 * 86400
"""Seconds for which a token is good that gives new ones."""

PER_NAME_HERE, PER_NAME, PER_ADDRESS = 10, 100, 50
"""Attempts that may fail: under one name from one address, under one name, from one address."""

NAME = re.compile(r"[A-Za-z0-9_.~-]{1,64}")


def add_user(store: Store, name: str, password: str) -> User:
    """Add a user who signs in by a password.

    Raises
    ------
    BadInput
        If the name is taken or no name, or the password too short or too long.
    """
    if not NAME.fullmatch(name) or name == LOCAL.name:
        raise BadInput(
            f"{name[:80]!r} cannot be a user's name: take 1 to 64 letters A to Z, a to z, digits "
            f'and _ . ~ -, and not "{LOCAL.name}", the user of a server without accounts'
        )
    return store.add_user(name, hashed(password))


class Accounts:
    """Users of a server and their tokens.

    Parameters
    ----------
    store
        Where they are kept.
    required
        Whether users sign in by a password. If not, everybody who is let in is the user ``local``.
    """

    def __init__(self, store: Store, *, required: bool) -> None:
        self.required = required
        self._store = store
        self._attempts = Attempts()

    def by_password(self, name: str, password: str, address: str) -> User:
        """Return the user of a name and password that came from an address.

        Raises
        ------
        OpenEOError
            ``CredentialsInvalid``; ``TooManyAttempts`` or ``InfrastructureBusy`` before anything is
            looked at.
        """
        name = name[:100]
        limits = {
            f"{name} from {address}": PER_NAME_HERE,
            f"name {name}": PER_NAME,
            f"address {address}": PER_ADDRESS,
        }
        self._attempts.begin(limits)
        try:
            user = self._by_password(name, password)
        except OpenEOError:
            self._attempts.take_back(limits)
            raise
        if user is None:
            raise error("CredentialsInvalid", detail="There is no such name with this password.")
        self._attempts.take_back(limits)
        return user

    def _by_password(self, name: str, password: str) -> User | None:
        found = self._store.password(name)
        if found is None:
            spent(password)
            return None
        return found[0] if is_password(password, found[1]) else None

    def new_token(self, user: User, kind: str) -> str:
        """Return a new token of a kind: ``basic``, ``oidc`` or ``refresh``."""
        return self._store.new_token(user, kind, REFRESH_S if kind == "refresh" else ACCESS_S)

    def by_token(self, token: str, kind: str) -> User | None:
        """Return whose token this is; None if it is not good, or not good any more."""
        user = self._store.token_user(token, kind)
        if user == LOCAL and self.required:  # from when this server had no accounts
            return None
        return user
