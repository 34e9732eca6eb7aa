"""Who asks, for the length of one request: a person who signed in, or an API key; and what they may do where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from almenara.accounts.areas import Area
from almenara.accounts.roles import EVERYWHERE, PLACED, ROLES, SELF, Grant


@dataclass(frozen=True, slots=True)
class Principal:
    """`name` is what the log knows them by: the account's name, or "api-key/…", which no account can be called."""

    name: str
    display_name: str = ""
    language: str = "es"
    grants: tuple[Grant, ...] = ()  # a person's
    scopes: frozenset[str] | None = None  # an API key's; None: a person
    scope_area: str = EVERYWHERE
    areas: Mapping[str, Area] = field(default_factory=dict, repr=False)  # those that the grants name
    account: int = 0  # the person's row; 0: an API key
    session: bytes = field(default=b"", repr=False)  # the session's row, never its token
    begun_ms: int = 0  # when they signed in

    @property
    def is_person(self) -> bool:
        """Whether somebody signed in, rather than a program with a key."""
        return self.scopes is None

    @property
    def actions(self) -> frozenset[str]:
        """Everything that they may do, if only somewhere."""
        if self.scopes is not None:
            return self.scopes
        return frozenset({SELF}).union(*(ROLES[grant.role] for grant in self.grants))

    def may(self, action: str) -> bool:
        """Whether they may do it at all: enough for reading, which is for the whole country, and for what has no place.

        >>> Principal("ana", grants=(Grant("viewer"),)).may("read")
        True
        """
        return action in self.actions

    def may_at(self, action: str, position: tuple[float, float] | None) -> bool:
        """Whether they may do it to what lies at (lon, lat) in degrees. Where a place matters and none is known, only
        those may who may everywhere."""
        if action not in PLACED:
            return self.may(action)
        if self.scopes is not None:
            names = [self.scope_area] if action in self.scopes else []
        else:
            names = [grant.area for grant in self.grants if action in ROLES[grant.role]]
        return any(self._holds(name, position) for name in names)

    def _holds(self, name: str, position: tuple[float, float] | None) -> bool:
        if name == EVERYWHERE:
            return True
        area = self.areas.get(name)
        return area is not None and position is not None and area.contains(*position)
