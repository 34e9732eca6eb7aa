"""`almenara channels test`: who may get it gets it, the message is sound, and the log says so."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.channels.messages import alert
from tests.service.audit import events_of
from tests.service.running import almenara, assert_done
from tests.service.worlds import PLACES

from almenara.model.cap import from_xml, to_xml, validate
from almenara.model.commands import RecordTest
from almenara.model.errors import CommandRefused
from almenara.model.events import ChannelTested, DeliveryResult
from almenara.service.commands import handle
from almenara.service.session import Session
from almenara.service.trial import RESULTS_MAX, Trial, new_test, records_of
from almenara.stages.public_warnings import Policy, shipped
from almenara.stores import open_log
from almenara.stores.memory import MemoryLog

T0 = 1_725_372_000_000
POLICY = Policy(status="Test", sender="alerts@agency.example", sender_name="Agency", web="https://agency.example/")
CONFIG = f"""
places = "{PLACES}"
status = "Actual"
sender = "alerts@agency.example"
[[channel]]
name = "sirens"
plugin = "directory"
status = "Actual"
options = {{ path = "sirens" }}
test = {{ path = "trial" }}
[[channel]]
name = "untested"
plugin = "directory"
status = "Actual"
options = {{ path = "untested" }}
"""


def test_the_message_is_sound_and_warns_nobody() -> None:
    message = new_test(POLICY, T0, shipped())
    assert validate(message.xml, ["plain", "google"]) == []
    for info in message.alert.info:
        ((ring,),) = [area.polygon for area in info.area]
        assert max(abs(number) for corner in ring for number in corner) < 0.01


def test_a_test_is_in_the_log_and_reaches_test_endpoints_only(tmp_path: Path) -> None:
    config = tmp_path / "almenara.toml"
    config.write_text(CONFIG, encoding="utf-8")
    first = almenara("channels", "test", "--config", config, "--as", "Ana")
    assert first.returncode == 1, "one channel cannot be tested"
    assert "no log" in first.stdout
    assert_done(almenara("watch", "--config", config, "--once"))
    second = almenara("channels", "test", "--config", config, "--as", "Ana")
    assert "no log" not in second.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"almenara.toml", "state", "trial"}
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        (tested,) = events_of(log, ChannelTested)
        assert log.verify().broken_seq is None
    assert isinstance(tested, ChannelTested)
    (result,) = tested.results
    assert (tested.by, tested.channel, result.outcome, result.recipient) == ("Ana", "sirens", "delivered", "sirens")
    assert from_xml(tested.xml).status == "Test"
    assert (tmp_path / "trial" / f"{tested.identifier}.xml").read_bytes() == tested.xml


def test_many_recipients_are_written_down_in_pieces() -> None:
    message = new_test(POLICY, T0, shipped())
    trials = [Trial("mail", f"r{n}", "delivered", "250 ok", "x" * 10_000, 0.1) for n in range(2 * RESULTS_MAX + 1)]
    trials.append(Trial("untested", "", "", "", "it has no test endpoint", 0.0))
    records = records_of(trials, message)
    assert [result.recipient for record in records for result in record.results] == [f"r{n}" for n in range(1001)]
    for record in records:
        msgspec.json.decode(msgspec.json.encode(record), type=RecordTest)
        assert len(msgspec.json.encode(record)) < 1024 * 1024


@pytest.mark.parametrize("wrong", ["status", "identifier", "no message"])
def test_nothing_but_a_test_is_noted_as_one(wrong: str) -> None:
    session = Session(MemoryLog())
    session.start("watch", "Actual", {})
    session.commit()
    before = session.log.head()
    xml = to_xml(alert("Actual" if wrong == "status" else "Test", "test-1")).decode()
    record = RecordTest(
        channel="c",
        identifier="another" if wrong == "identifier" else "test-1",
        message="<alert/>" if wrong == "no message" else xml,
        results=[DeliveryResult(recipient="x", attempt=1, outcome="delivered", detail="", receipt="", next_ms=0)],
    )
    with pytest.raises(CommandRefused) as why:
        handle(session, record, "Ana", T0)
    assert why.value.reason == "no-test"
    assert session.log.head() == before
