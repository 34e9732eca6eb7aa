"""Secrets that are random enough to be kept as a plain hash: session tokens, API keys, the setup code."""

import hashlib
import hmac
import secrets

#: Of session tokens and of the secret part of API keys.
TOKEN_BYTES = 32


def new_token() -> str:
    """256 random bits, in letters that need no quoting."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is kept of a token. No salt and no slow hash: nobody guesses 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def csrf_token(token: str) -> str:
    """What a page that may read the session's answers can send back, and no other page knows."""
    return hmac.digest(token.encode(), b"almenara csrf", "sha256").hex()


def same(one: str | bytes, other: str | bytes) -> bool:
    """Whether both are equal, in a time that tells nothing."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
