"""Who of the agency may do what: people, passwords, passkeys, sessions, API keys, in one SQLite file beside the log."""
