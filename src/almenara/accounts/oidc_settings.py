"""The table [oidc] of the configuration: the agency's own identity provider, when it has one."""

import os
import re
from pathlib import Path

import msgspec

from almenara.accounts.roles import EVERYWHERE, Grant, check_grant
from almenara.model.errors import UsageError


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenID Connect by authorization code with PKCE."""

    issuer: str  # https://…, as its discovery document says it
    client_id: str
    client_secret_file: str | None = None  # a path from the configuration's folder
    client_secret_env: str | None = None  # or the name of an environment variable; neither: a public client
    title: str = "OpenID Connect"  # what the button says
    scopes: tuple[str, ...] = ("openid", "profile")
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    #: Value of that claim → "role" or "role@area". Who has none of them is not let in.
    roles: dict[str, str] = {}


def check_settings(settings: OidcSettings) -> None:
    """Raises UsageError that names the key."""
    if not re.match(r"https://[^/]|http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", settings.issuer):
        raise UsageError("oidc: issuer must be an https:// address.")
    if "openid" not in settings.scopes:
        raise UsageError('oidc: scopes must name "openid".')
    if settings.client_secret_file is not None and settings.client_secret_env is not None:
        raise UsageError("oidc: give client_secret_file or client_secret_env, not both.")
    if not settings.roles:
        raise UsageError("oidc: roles is empty: nobody would be let in.")
    for value in settings.roles.values():
        check_grant(grant_of(value))


def grant_of(value: str) -> Grant:
    """
    >>> grant_of("approver@loja"), grant_of("viewer")
    (Grant(role='approver', area='loja'), Grant(role='viewer', area='*'))
    """
    role, _, area = value.partition("@")
    return Grant(role, area or EVERYWHERE)


def read_secret(settings: OidcSettings, base: Path) -> str | None:
    """The client's secret from where it is kept; None for a public client. Raises UsageError."""
    if settings.client_secret_env is not None:
        secret = os.environ.get(settings.client_secret_env, "")
        if not secret:
            raise UsageError(f"oidc: the environment variable {settings.client_secret_env} is not set.")
        return secret
    if settings.client_secret_file is None:
        return None
    path = base / settings.client_secret_file
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"oidc: {path} cannot be read as the client's secret.") from error
    if not secret:
        raise UsageError(f"oidc: {path} is empty.")
    return secret
