"""Sessions of people who signed in: a random token that only its browser has, idle and absolute ends."""

from almenara.accounts.database import Database
from almenara.accounts.tokens import digest, new_token

HOUR_MS = 3_600_000
#: A shift with its handover; after it everybody signs in anew.
ABSOLUTE_MS = 14 * HOUR_MS
#: A screen that follows the situation asks every few minutes at the latest: this is one that nobody looks at.
IDLE_MS = 2 * HOUR_MS
#: A session is written again at most so often.
TOUCH_MS = 60_000
#: Per account: with one more the oldest ends.
SESSIONS_MAX = 20


class Sessions:
    """Sessions by their tokens' hashes. Nothing is kept of the browser or where it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, account: int, how: str, now_ms: int, *, instead_of: str | None = None) -> str:
        """A new token for an account that has shown who it is; the one the browser came with, if any, is void."""
        token = new_token()
        with self._database.writing() as connection:
            if instead_of is not None:
                connection.execute("DELETE FROM sessions WHERE token = ?", (digest(instead_of),))
            connection.execute(
                "DELETE FROM sessions WHERE begun_ms <= ? OR seen_ms <= ?", (now_ms - ABSOLUTE_MS, now_ms - IDLE_MS)
            )
            connection.execute(
                "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE person = ?"
                " ORDER BY begun_ms DESC LIMIT -1 OFFSET ?)",
                (account, SESSIONS_MAX - 1),
            )
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (digest(token), account, how, now_ms, now_ms)
            )
        return token

    def find(self, token: str, now_ms: int) -> tuple[int, bytes, int, bool] | None:
        """Account, row and beginning of a session that lasts, and whether it is time to `touch` it; else None."""
        row = self._database.reading.execute(
            "SELECT person, token, begun_ms, seen_ms FROM sessions WHERE token = ?", (digest(token),)
        ).fetchone()
        if row is None or now_ms - row[2] >= ABSOLUTE_MS or now_ms - row[3] >= IDLE_MS:
            return None
        return row[0], row[1], row[2], now_ms - row[3] >= TOUCH_MS

    def touch(self, session: bytes, now_ms: int) -> None:
        """It is in use."""
        with self._database.writing() as connection:
            connection.execute("UPDATE sessions SET seen_ms = ? WHERE token = ?", (now_ms, session))

    def lasts(self, session: bytes, now_ms: int) -> bool:
        """Whether it has not ended: for answers that go on for hours."""
        found = self._database.reading.execute(
            "SELECT 1 FROM sessions JOIN people ON people.id = sessions.person"
            " WHERE token = ? AND begun_ms > ? AND disabled_ms IS NULL",
            (session, now_ms - ABSOLUTE_MS),
        ).fetchone()
        return found is not None

    def end(self, session: bytes) -> None:
        """Sign out."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE token = ?", (session,))

    def end_all(self, account: int) -> int:
        """Sign out everywhere; how many sessions there were."""
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM sessions WHERE person = ?", (account,)).rowcount

    def count(self, account: int) -> int:
        """How many there are, ended ones that were not swept away included."""
        statement = "SELECT count(*) FROM sessions WHERE person = ?"
        return int(self._database.reading.execute(statement, (account,)).fetchone()[0])
