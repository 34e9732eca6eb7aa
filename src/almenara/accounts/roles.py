"""Roles and what each may do, as one plain table; and a grant: a role within an area."""

from typing import Final

import msgspec

from almenara.model.errors import UsageError

#: A grant or a key for the whole country.
EVERYWHERE: Final = "*"

_VIEWER = frozenset({"read"})
_DISPATCHER = _VIEWER | {"acknowledge", "label"}
_DUTY_OFFICER = _DISPATCHER | {"draft", "reject", "update", "cancel", "all-clear"}
_APPROVER = _DUTY_OFFICER | {"approve", "audit"}
_ADMINISTRATOR = _VIEWER | {"channels", "places", "people", "keys", "audit"}

#: Role → actions. Each of the first four holds the one before it; an administrator gives nobody a warning.
ROLES: Final[dict[str, frozenset[str]]] = {
    "viewer": _VIEWER,
    "dispatcher": _DISPATCHER,
    "duty_officer": _DUTY_OFFICER,
    "approver": _APPROVER,
    "administrator": _ADMINISTRATOR,
}

#: What everyone who signed in may do whatever the grants: see and end the own session, change the own password.
SELF: Final = "self"
ACTIONS: Final = frozenset[str]().union(*ROLES.values()) | {SELF}

#: Actions on one hazard, incident or warning: they need the role where it is.
PLACED: Final = frozenset({"acknowledge", "label", "draft", "reject", "update", "cancel", "all-clear", "approve"})

#: What an API key can be given. A yes to a warning (an officer's draft is one), and who may do what, take a person.
KEY_SCOPES: Final = frozenset({"read", "acknowledge", "label", "reject", "channels", "places", "audit"})

#: Command of model/commands.py → the action it takes.
COMMANDS: Final[dict[str, str]] = {
    "acknowledge": "acknowledge",
    "label": "label",
    "unlabel": "label",
    "draft": "draft",
    "reject": "reject",
    "update": "update",
    "cancel": "cancel",
    "all-clear": "all-clear",
    "approve": "approve",
    "pause": "channels",
    "resume": "channels",
    "retry": "channels",
}


class Grant(msgspec.Struct, frozen=True, order=True):
    """A role within an area: its name, or "*"."""

    role: str
    area: str = EVERYWHERE


def check_grant(grant: Grant) -> None:
    """Raises UsageError for a role that there is not, and for an administrator of less than everything.

    >>> check_grant(Grant("approver", "loja"))
    >>> check_grant(Grant("administrator", "loja"))
    Traceback (most recent call last):
    ...
    almenara.model.errors.UsageError: An administrator is one everywhere: people and channels belong to no area.
    """
    if grant.role not in ROLES:
        raise UsageError(f"There is no role {grant.role!r}: give one of {', '.join(ROLES)}.")
    if grant.role == "administrator" and grant.area != EVERYWHERE:
        raise UsageError("An administrator is one everywhere: people and channels belong to no area.")
