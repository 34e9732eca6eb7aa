"""Everything about accounts in one hand: what `serve`, the web and `almenara people` open."""

from pathlib import Path
from typing import Self

from almenara.accounts.api_keys import ApiKeys
from almenara.accounts.database import Database
from almenara.accounts.federated import admit
from almenara.accounts.limits import SignInLimits
from almenara.accounts.oidc import Identity, OidcClient
from almenara.accounts.passkeys import Passkeys
from almenara.accounts.passwords import Passwords
from almenara.accounts.people import People, Person
from almenara.accounts.principal import Principal
from almenara.accounts.sessions import Sessions
from almenara.accounts.setup import Setup
from almenara.ports import Clock


class Accounts:
    """The accounts of one folder. May be used from any thread; `clock` is the real time, in a drill as well."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        oidc: OidcClient | None = None,
        origin: str | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        """`origin`: the address that people open (https://alerts.agency.example), when it is configured."""
        self.clock = clock
        self.origin = origin
        self.oidc = oidc
        self.database = Database(folder)
        self.people = People(self.database, passwords if passwords is not None else Passwords())
        self.sessions = Sessions(self.database)
        self.passkeys = Passkeys(self.database)
        self.api_keys = ApiKeys(self.database, self.people)
        self.setup = Setup(self.database, self.people, folder)
        self.limits = SignInLimits()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def by_token(self, token: str) -> tuple[Principal, bool] | None:
        """Who a session's token stands for, and whether it is time to `touch` the session; None: nobody."""
        found = self.sessions.find(token, self.clock())
        if found is None:
            return None
        account, session, begun_ms, stale = found
        principal = self.people.principal(account, session, begun_ms)
        return None if principal is None else (principal, stale)

    def by_key(self, text: str) -> Principal | None:
        """Who an API key stands for; None: nobody."""
        return self.api_keys.principal(text, self.clock())

    def admit(self, identity: Identity) -> Person:
        """As `federated.admit`."""
        return admit(self.database, self.people, identity, self.clock())

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()
