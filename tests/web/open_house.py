"""`almenara`, but whoever comes may do everything, as "Ana" or by the header X-Name: for what lies behind the door."""

from fastapi import Request

from almenara.accounts.principal import Principal
from almenara.accounts.roles import ACTIONS
from almenara.accounts.setup import Setup
from almenara.cli import main
from almenara.web import security


async def let_in(self: security.Require, request: Request) -> Principal:
    """Anybody."""
    principal = Principal(request.headers.get("x-name", "Ana"), scopes=ACTIONS)
    request.state.principal = principal
    return principal


if __name__ == "__main__":  # only here: who imports this module must not find every door open
    security.Require.__call__ = let_in  # type: ignore[method-assign, assignment]
    security.still_in = lambda request, principal: True
    Setup.needed = property(lambda self: False)  # type: ignore[assignment, method-assign]
    main()
