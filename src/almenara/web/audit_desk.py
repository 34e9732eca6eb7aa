"""The audit's desk: what staff did is durable in the accounts' file before the answer, and in the log soon after."""

import asyncio
import logging

from starlette.requests import Request

from almenara.accounts.book import Accounts
from almenara.accounts.database import remember
from almenara.model.errors import AlmenaraError
from almenara.model.events import Audited
from almenara.service.office import Office

_logger = logging.getLogger(__name__)


class AuditDesk:
    """Carries entries from the accounts' file into the log, one carrier at a time.

    An entry may come twice into the log when the process is killed between the two files; none is lost.
    """

    def __init__(self, office: Office, accounts: Accounts) -> None:
        self._office, self._accounts = office, accounts
        self._carrying = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()

    async def write(self, by: str, action: str, subject: str, outcome: str, detail: str = "") -> None:
        """Durable when it returns."""
        event = Audited(
            now_ms=self._accounts.clock(), by=by, action=action, subject=subject, outcome=outcome, detail=detail
        )
        await asyncio.to_thread(self._keep, event)
        self.soon()

    def soon(self) -> None:
        """Carry what waits, without holding anybody up."""
        if not self._under_way:
            task = asyncio.create_task(self._carry())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def settle(self) -> None:
        """Carry what waits; in the log when it returns. Raises as `Office.note`."""
        async with self._carrying:
            while waiting := await asyncio.to_thread(self._accounts.database.unlogged):
                for number, event in waiting:
                    await self._office.note(event)
                    await asyncio.to_thread(self._accounts.database.logged, number)

    async def _carry(self) -> None:
        try:
            await self.settle()
        except AlmenaraError as error:  # it stays in the accounts' file until the log takes it
            _logger.warning("the audit could not be put into the log yet: %s", error)

    def _keep(self, event: Audited) -> None:
        with self._accounts.database.writing() as connection:
            remember(connection, event)


def desk_of(request: Request) -> AuditDesk:
    """The desk of the application that serves this request."""
    state = request.app.state
    if getattr(state, "audit_desk", None) is None:
        state.audit_desk = AuditDesk(state.office, state.accounts)
    desk: AuditDesk = state.audit_desk
    return desk
