"""`almenara cap` as a person uses it: verdicts by line, summaries, signatures, differences; exit codes and messages."""

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.model.cap.authority import DAY, NOW, make
from tests.model.cap.messages import FULL, PLAIN
from tests.model.cap.test_envelopes import ATOM
from tests.model.cap.test_versions import V10
from tests.service.running import almenara, assert_refused

from almenara.cli import main
from almenara.model.cap import from_xml, to_xml
from almenara.model.cap.document import ENVELOPE_BYTES_MAX
from almenara.model.cap.signature import sign, verify

CURRENT = msgspec.structs.replace(
    FULL,
    sent=NOW,
    info=(msgspec.structs.replace(FULL.info[0], effective=None, onset=None, expires=NOW + timedelta(hours=6)),),
)
BROKEN = to_xml(FULL).replace(b"<status>Exercise", b"<status>Drill").replace(b"1.5</circle>", b"far</circle>")
ROOT = make("Root", authority=True, first=NOW - 30 * DAY)
AGENCY = make("Agency", ROOT)


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs `almenara cap …` in this process."""

    def running(*arguments: str | Path, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["almenara", "cap", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        monkeypatch.setenv("COLUMNS", "200")
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsysbinary.readouterr()
        assert isinstance(code, int)
        return Done(code, out.decode(), err.decode())

    return running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sound message, a broken one, an old one and a feed."""
    for name, data in (("a.xml", to_xml(FULL)), ("b.cap", BROKEN), ("c.xml", V10), ("d.atom", ATOM.encode())):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "readme.txt").write_text("not a message")
    return tmp_path


class TestValidate:
    """The verdict, fault by fault."""

    def test_faults_have_file_line_and_name(self, run: Run, folder: Path) -> None:
        done = run("validate", folder)
        lines = BROKEN.decode().splitlines()
        status = next(n for n, line in enumerate(lines, 1) if "<status>" in line)
        circle = next(n for n, line in enumerate(lines, 1) if "<circle>" in line)
        assert done.code == 1
        assert f"{folder / 'b.cap'}:{status}: schema:value: " in done.out
        assert f"{folder / 'b.cap'}:{circle}: circle-form: " in done.out
        assert f"{folder / 'a.xml'}: valid CAP 1.2 (schema, plain)" in done.out
        assert f"{folder / 'c.xml'}: valid CAP 1.0 (schema, plain)" in done.out
        assert f"{folder / 'd.atom'}#1: valid CAP 1.2" in done.out
        assert "an Atom feed (4 entries): 1 message inside, 2 links elsewhere" in done.err
        assert "4 messages, 1 invalid." in done.err

    def test_sound_messages_by_name_pattern_and_stdin(self, run: Run, folder: Path) -> None:
        assert run("validate", folder / "a.xml").code == 0
        assert run("validate", folder / "[ac].xml").out.count("valid CAP") == 2
        done = run("validate", "-", stdin=to_xml(FULL))
        assert (done.code, done.out) == (0, "standard input: valid CAP 1.2 (schema, plain)\n")

    def test_profiles_are_added(self, run: Run, folder: Path) -> None:
        done = run("validate", "--profile", "ipaws", "--profile", "google", folder / "a.xml")
        assert done.code == 1
        assert "ipaws:code-missing" in done.out
        assert "google:" not in done.out
        assert run("validate", "--profile", "google", folder / "a.xml").code == 0
        assert "advice: google:" not in done.out
        assert "advice: google:" in run("validate", "--profile", "google", "--advice", folder / "c.xml").out

    def test_schema_only(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "open.xml"
        file.write_bytes(to_xml(FULL).replace(b"0.5,-77.5 0.0,-78.0", b"0.5,-77.5 0.1,-78.0"))
        assert run("validate", "--schema-only", file).code == 0
        done = run("validate", file)
        assert done.code == 1
        assert ": polygon-open: " in done.out

    def test_json(self, run: Run, folder: Path) -> None:
        done = run("validate", "--json", folder)
        found = [json.loads(line) for line in done.out.splitlines()]
        assert [one["valid"] for one in found] == [True, False, True, True]
        assert [one["version"] for one in found] == ["1.2", "1.2", "1.0", "1.2"]
        assert [fault["reason"] for fault in found[1]["faults"]] == ["schema:value", "circle-form"]
        assert found[0]["schema_valid"] is True
        assert found[1]["schema_valid"] is False

    def test_lines_inside_a_feed_are_lines_of_the_file(self, run: Run, tmp_path: Path) -> None:
        feed = ATOM.replace("<status>Exercise", "<status>Drill")
        (tmp_path / "f.atom").write_text(feed)
        line = next(n for n, text in enumerate(feed.splitlines(), 1) if "<status>Drill" in text)
        assert f"f.atom#1:{line}: schema:value" in run("validate", tmp_path / "f.atom").out

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "empty"),
            (b"nonsense", "not-xml"),
            (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "doctype"),
            (b"<html/>", "not-an-alert"),
            (b"<a>" * 5000, "too-deep"),
            (b"\x00" * 100, "not-xml"),
        ],
    )
    def test_hostile_and_foreign_files(self, run: Run, tmp_path: Path, data: bytes, reason: str) -> None:
        (tmp_path / "x.xml").write_bytes(data)
        for command in ("validate", "show", "verify"):
            done = run(command, tmp_path / "x.xml")
            assert done.code == 1
            assert f" {reason}: " in done.out

    def test_100_megabytes_are_refused_without_reading_them(self, tmp_path: Path) -> None:
        large = tmp_path / "large.xml"
        large.touch()
        os.truncate(large, 100 * 1024 * 1024)
        done = almenara("cap", "validate", large)
        assert_refused(done, 1, "too-large")
        assert f"{ENVELOPE_BYTES_MAX + 1:,}" in done.stdout  # read no further than that

    def test_wrong_requests_say_what_is_wrong(self, run: Run, tmp_path: Path) -> None:
        for arguments, word in (
            (("validate", tmp_path / "none.xml"), "There is no file"),
            (("validate", tmp_path), "holds no file"),
            (("validate", "--profile", "goggle", "-"), "google"),
            (("validate", "--profile", "google", "--schema-only", "-"), "exclude"),
        ):
            done = run(*arguments)
            assert done.code == 2
            assert word in done.err


class TestShow:
    """The summary."""

    def test_a_message_in_both_languages_of_labels(self, run: Run, folder: Path) -> None:
        english = " ".join(run("show", folder / "a.xml").out.split())
        for word in (
            "Until",
            "2024-09-03 15:00 -0500",
            "Incendio forestal",
            "OET-217 (wildfire)",
            "km²",
            "not signed",
            "a-0",
        ):
            assert word in english
        spanish = run("show", "--lang", "es", folder / "a.xml").out
        assert "Hasta" in spanish
        assert "sin firma" in spanish

    def test_an_old_one_says_what_was_lifted(self, run: Run, folder: Path) -> None:
        done = run("show", folder / "c.xml")
        assert done.code == 0
        assert "CAP 1.0" in done.out
        assert "Very Likely" in done.out
        assert "s3cret" not in done.out

    def test_no_message_plays_with_the_terminal(self, run: Run, tmp_path: Path) -> None:
        evil = msgspec.structs.replace(PLAIN, note="a\u009b31mb \u202eright\u202c c")
        (tmp_path / "e.xml").write_bytes(to_xml(evil))
        out = run("show", tmp_path / "e.xml").out
        assert not {"\u009b", "\u202e", "\x1b"} & set(out)
        assert "right" in out

    def test_json_and_a_broken_one(self, run: Run, folder: Path) -> None:
        done = run("show", "--json", folder / "a.xml")
        shown = json.loads(done.out)
        assert shown["alert"]["identifier"] == FULL.identifier
        assert shown["signed"] is False
        broken = run("show", folder / "b.cap")
        assert broken.code == 1
        assert "schema:value" in broken.out


class TestSignAndVerify:
    """From a message to a trusted one."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        (tmp_path / "message.xml").write_bytes(to_xml(CURRENT))
        (tmp_path / "agency.key").write_bytes(AGENCY.key_pem())
        (tmp_path / "locked.key").write_bytes(AGENCY.key_pem("open sesame"))
        (tmp_path / "agency.pem").write_bytes(AGENCY.pem)
        (tmp_path / "root.pem").write_bytes(ROOT.pem)
        (tmp_path / "other.pem").write_bytes(make("Root", authority=True).pem)
        return tmp_path

    def sign(self, run: Run, keys: Path, *more: str | Path, key: str = "agency.key") -> Done:
        return run("sign", keys / "message.xml", "--key", keys / key, "--certificate", keys / "agency.pem", *more)

    def test_there_and_back(self, run: Run, keys: Path) -> None:
        signed = keys / "signed.xml"
        assert self.sign(run, keys, "--out", signed).code == 0
        assert verify(signed.read_bytes()).reading.alert == CURRENT
        for trust in ("agency.pem", "root.pem"):
            done = run("verify", signed, "--trust", keys / trust)
            assert done.code == 0
            assert "signed, trusted: CN=Agency (ecdsa-sha256)" in done.out
        assert run("validate", signed).code == 0
        assert "signed (not verified" in run("show", signed).out

    def test_what_is_wrong_is_named(self, run: Run, keys: Path) -> None:
        signed = keys / "signed.xml"
        self.sign(run, keys, "--out", signed)
        trust = ("--trust", keys / "root.pem")
        for data, options, reason in (
            (signed.read_bytes(), (), "certificate-untrusted"),
            (signed.read_bytes(), ("--trust", keys / "other.pem"), "certificate-untrusted"),
            (signed.read_bytes(), (*trust, "--at", "2001-01-01T00:00Z"), "certificate-not-yet-valid"),
            (signed.read_bytes(), (*trust, "--at", "2999-01-01T00:00-05:00"), "certificate-expired"),
            (signed.read_bytes().replace(b"<note>n<", b"<note>m<"), trust, "digest-mismatch"),
            (to_xml(CURRENT), trust, "signature-missing"),
        ):
            done = run("verify", "-", *options, stdin=data)
            assert done.code == 1
            assert f": {reason}: " in done.out
        found = json.loads(run("verify", "--json", signed).out)
        assert (found["trusted"], found["signature_holds"]) == (False, True)

    def test_a_feed_without_messages_proves_nothing(self, run: Run) -> None:
        done = run("verify", "-", stdin=b'<feed xmlns="http://www.w3.org/2005/Atom"/>')
        assert done.code == 1
        assert "no message" in done.err

    def test_a_message_that_has_expired_is_judged_as_of_its_sending_too(self, run: Run, keys: Path) -> None:
        old = make("Agency", first=datetime(2024, 9, 1, tzinfo=UTC), last=datetime(2024, 9, 30, tzinfo=UTC))
        (keys / "old.pem").write_bytes(old.pem)
        (keys / "old.xml").write_bytes(sign(to_xml(FULL), old.key, [old.certificate]))
        assert run("verify", keys / "old.xml", "--trust", keys / "old.pem").code == 0
        (keys / "now.xml").write_bytes(sign(to_xml(CURRENT), old.key, [old.certificate]))
        done = run("verify", keys / "now.xml", "--trust", keys / "old.pem")
        assert done.code == 1
        assert "certificate-expired" in done.out
        back = msgspec.structs.replace(CURRENT, sent=FULL.sent)  # an old key, a date put back, and still in force
        (keys / "back.xml").write_bytes(sign(to_xml(back), old.key, [old.certificate]))
        assert run("verify", keys / "back.xml", "--trust", keys / "old.pem").code == 1

    def test_the_passphrase_comes_from_the_environment(
        self, run: Run, keys: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ALMENARA_KEY_PASSPHRASE", raising=False)
        done = self.sign(run, keys, key="locked.key")
        assert done.code == 2
        assert "ALMENARA_KEY_PASSPHRASE" in done.err
        monkeypatch.setenv("ALMENARA_KEY_PASSPHRASE", "wrong")
        assert self.sign(run, keys, key="locked.key").code == 2
        monkeypatch.setenv("ALMENARA_KEY_PASSPHRASE", "open sesame")
        done = self.sign(run, keys, key="locked.key")
        assert done.code == 0
        assert from_xml(done.out.encode()) == CURRENT

    def test_nothing_is_replaced_or_signed_by_mistake(self, run: Run, keys: Path) -> None:
        signed = keys / "signed.xml"
        signed.write_text("precious")
        assert self.sign(run, keys, "--out", signed).code == 2
        assert signed.read_text() == "precious"
        assert self.sign(run, keys, "--out", signed, "--force").code == 0
        again = run("sign", signed, "--key", keys / "agency.key", "--certificate", keys / "agency.pem")
        assert again.code == 1
        assert "already-signed" in again.err
        wrong = run("sign", keys / "message.xml", "--key", keys / "agency.key", "--certificate", keys / "root.pem")
        assert wrong.code == 2
        assert "belong together" in wrong.err
        nothing = run("sign", keys / "message.xml", "--key", keys / "agency.pem", "--certificate", keys / "agency.pem")
        assert nothing.code == 2
        assert "no private key" in nothing.err


class TestDiff:
    """What changed."""

    def test_exit_codes_are_those_of_diff(self, run: Run, tmp_path: Path) -> None:
        info = msgspec.structs.replace(FULL.info[0], headline="otro titular")
        later = msgspec.structs.replace(FULL, identifier="a-2", info=(info,))
        (tmp_path / "1.xml").write_bytes(to_xml(FULL))
        (tmp_path / "2.xml").write_bytes(to_xml(later))
        same = run("diff", tmp_path / "1.xml", tmp_path / "1.xml")
        assert (same.code, same.out) == (0, "Nothing differs.\n")
        done = run("diff", tmp_path / "1.xml", tmp_path / "2.xml")
        assert done.code == 1
        assert "[es-EC] headline\n  - h\n  + otro titular\n" in done.out
        found = json.loads(run("diff", "--json", tmp_path / "1.xml", tmp_path / "2.xml").out)
        assert {change["field"] for change in found["changes"]} == {"identifier", "headline"}
        (tmp_path / "3.xml").write_bytes(BROKEN)
        for wrong in ("3.xml", "none.xml"):
            assert run("diff", tmp_path / "1.xml", tmp_path / wrong).code == 2


def test_help_teaches(run: Run) -> None:
    for command in ("validate", "show", "sign", "verify", "diff"):
        done = run(command, "--help")
        assert done.code == 0
        assert f"almenara cap {command}" in " ".join(done.out.split())
