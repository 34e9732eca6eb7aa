"""What is sent is signed where a key is configured, and what cannot sign is found out at start."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.channels.messages import alert
from tests.model.cap.authority import Holder, make
from tests.service.running import replayed
from tests.service.worlds import PLACES
from tests.stages.times import let_out

from almenara.config import SigningConfig
from almenara.model.cap import from_xml, to_xml
from almenara.model.cap.signature import verify
from almenara.model.commands import ApproveWarning
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import WarningSent
from almenara.service.commands import handle
from almenara.service.session import Session
from almenara.service.signing import load_signer
from almenara.stores.memory import MemoryLog

DAY = timedelta(days=1)
CONFIG = SigningConfig(key="key.pem", certificate="crt.pem")


def keep(folder: Path, key: bytes, certificate: bytes) -> None:
    (folder / "key.pem").write_bytes(key)
    (folder / "crt.pem").write_bytes(certificate)


def today(name: str) -> Holder:
    now = datetime.now(UTC)
    return make(name, first=now - DAY, last=now + DAY)


def test_what_was_approved_is_signed_and_verifies(tmp_path: Path, feeds: list[Path]) -> None:
    holder = today("agency")
    keep(tmp_path, holder.key_pem(), holder.pem)
    log = MemoryLog()
    replayed(feeds[:2], log, status="Actual", places=PLACES)
    session = Session(log, load_signer(CONFIG, tmp_path))
    session.recover()
    (_, draft), *_ = session.state.warnings.drafts()
    session.set_policy(msgspec.structs.replace(session.state.policy, approval={"default": "one"}), draft.now_ms)
    *_, sent = handle(session, ApproveWarning(identifier=draft.identifier), "Ana", draft.now_ms)
    assert isinstance(sent, WarningSent)
    verified = verify(sent.xml)
    assert [one.certificate for one in verified.signers] == [holder.certificate]
    waited = timedelta(milliseconds=sent.now_ms - draft.now_ms)
    assert from_xml(sent.xml) == from_xml(let_out(draft.xml, waited)), "it says what was approved"
    without = Session(log)
    without.recover()
    (_, other), *_ = without.state.warnings.drafts()
    with pytest.raises(CommandRefused, match="signed"):
        handle(without, ApproveWarning(identifier=other.identifier), "Ana", draft.now_ms)


def test_nothing_configured_nothing_signed(tmp_path: Path) -> None:
    assert load_signer(None, tmp_path) is None


def test_an_encrypted_key_takes_its_passphrase_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = today("agency")
    keep(tmp_path, holder.key_pem("secret"), holder.pem)
    with pytest.raises(UsageError, match="ALMENARA_KEY_PASSPHRASE") as why:
        load_signer(CONFIG, tmp_path)
    assert "secret" not in str(why.value)
    monkeypatch.setenv("ALMENARA_KEY_PASSPHRASE", "secret")
    signer = load_signer(CONFIG, tmp_path)
    assert signer is not None
    assert verify(signer(to_xml(alert("Test")))).signers


@pytest.mark.parametrize("wrong", ["missing", "no key", "another's", "run out"])
def test_what_cannot_sign_is_found_out_at_start(tmp_path: Path, wrong: str) -> None:
    holder = today("agency")
    keep(tmp_path, holder.key_pem(), holder.pem)
    if wrong == "missing":
        (tmp_path / "key.pem").unlink()
    elif wrong == "no key":
        (tmp_path / "key.pem").write_bytes(b"-----BEGIN NOTHING-----")
    elif wrong == "another's":
        (tmp_path / "crt.pem").write_bytes(today("other").pem)
    else:
        old = make("old", first=datetime.now(UTC) - 3 * DAY, last=datetime.now(UTC) - DAY)
        keep(tmp_path, old.key_pem(), old.pem)
    with pytest.raises(UsageError, match="signing"):
        load_signer(CONFIG, tmp_path)
