"""[oidc] and origin in the configuration: what is taken, what is refused by name, and where the secret comes from."""

from pathlib import Path

import pytest

from almenara.accounts.oidc_settings import OidcSettings, read_secret
from almenara.config import load_config
from almenara.model.errors import UsageError

SOUND = """
origin = "https://alerts.example:8443"
[oidc]
issuer = "https://id.example/realms/agency"
client_id = "almenara"
roles = { admins = "administrator", duty = "duty_officer@loja" }
"""


def load(folder: Path, text: str) -> OidcSettings | None:
    path = folder / "almenara.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path).oidc


def test_a_sound_table(tmp_path: Path) -> None:
    settings = load(tmp_path, SOUND)
    assert settings is not None
    assert settings.roles["duty"] == "duty_officer@loja"
    assert load(tmp_path, "") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("https://id", "http://id", "https://"),
        ("https://id.example", "http://127.0.0.1.evil.example", "https://"),
        ('"administrator"', '"king"', "no role"),
        ('"administrator"', '"administrator@loja"', "everywhere"),
        ("roles =", "# roles =", "roles is empty"),
        ("client_id", "scopes = ['profile']\nclient_id", "openid"),
        ("client_id", "client_secret_file = 'a'\nclient_secret_env = 'B'\nclient_id", "not both"),
        ("client_id", "client_secret = 'in the open'\nclient_id", "client_secret"),
        (":8443", ":8443/path", "without a path"),
    ],
)
def test_what_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(tmp_path, SOUND.replace(old, new))


def test_the_secret_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = OidcSettings(issuer="https://id.example", client_id="a", roles={"x": "viewer"})
    assert read_secret(plain, tmp_path) is None
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    by_file = OidcSettings(issuer="https://id.example", client_id="a", client_secret_file="secret")  # noqa: S106
    assert read_secret(by_file, tmp_path) == "s3cret"
    monkeypatch.setenv("OIDC_SECRET", "from outside")
    by_env = OidcSettings(issuer="https://id.example", client_id="a", client_secret_env="OIDC_SECRET")  # noqa: S106
    assert read_secret(by_env, tmp_path) == "from outside"
    monkeypatch.delenv("OIDC_SECRET")
    with pytest.raises(UsageError, match="OIDC_SECRET is not set"):
        read_secret(by_env, tmp_path)
    (tmp_path / "secret").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="empty"):
        read_secret(by_file, tmp_path)
    (tmp_path / "secret").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        read_secret(by_file, tmp_path)
