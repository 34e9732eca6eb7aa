"""Who may do what: until there are accounts, nobody may do anything that is not open to all."""

from typing import Any

from fastapi import Request

from almenara.web.problems import Problem

#: Routes that need no sign-in, as they are declared.
OPEN: frozenset[str] = frozenset({"/healthz", "/readyz"})


class Require:
    """A dependency that lets nobody in."""

    def __init__(self, actions: tuple[str, ...], sealed: str | None) -> None:
        self.actions, self.sealed = actions, sealed

    async def __call__(self, request: Request) -> Any:
        raise Problem(401, "not-signed-in", "Sign in first.", {"WWW-Authenticate": "Bearer"})


def require(*actions: str, sealed: str | None = None) -> Require:
    """A dependency of a route: whoever calls may do one of `actions`, at least somewhere, or is refused."""
    return Require(actions, sealed)


async def demand_command(
    request: Request, principal: Any, command: str, position: tuple[float, float] | None, subject: str
) -> None:
    """Refuse unless they may give this command (by its tag) about what lies at (lon, lat) in degrees."""


def still_in(request: Request, principal: Any) -> bool:
    """Whether they would still be let in: for streams, which ask now and then."""
    return False
