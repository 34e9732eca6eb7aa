"""Short messages: every letter arrives, no part is too long, and what people need most comes first."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from almenara.channels import open_channel
from almenara.channels._sms import coded, fit, segments
from almenara.channels.sms_smpp import text_of
from almenara.model.errors import UsageError
from almenara.ports import Actual, Test
from tests.channels.benches.sms_smpp import decoded
from tests.channels.messages import outgoing

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=900)


@given(TEXTS, st.integers(0, 255))
def test_a_telephone_reads_what_was_written(text: str, reference: int) -> None:
    sms = coded(text)
    parts = segments(sms, reference)
    gsm = sms.data_coding == 0
    if len(parts) == 1:
        assert len(parts[0]) <= (160 if gsm else 140)
        assert decoded(parts[0], sms.data_coding) == text
        return
    assert len(parts) <= 255 or not text
    for at, part in enumerate(parts, start=1):
        assert part[:5] == bytes((5, 0, 3, reference, len(parts)))
        assert part[5] == at
        assert len(part) <= 6 + (153 if gsm else 134)
    assert "".join(decoded(part[6:], sms.data_coding) for part in parts) == text, "no letter is cut in two"


@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(1, 10))
def test_what_fits_is_whole_lines_and_the_identifier(lines: list[str], most: int) -> None:
    sms = fit(lines, "#incident-fire-a-1", most)
    assert len(segments(sms, 0)) <= most
    assert sms.text.endswith("\n#incident-fire-a-1")


def test_a_warning_in_one_language_and_plain_letters() -> None:
    sms = text_of(outgoing(Actual), "es", 3)
    assert sms.data_coding == 0
    assert sms.text.splitlines() == [
        "Actual: Incendio forestal - Vilcabamba",
        "Be ready to leave.",
        "#incident-fire-a-1",
    ]
    assert text_of(outgoing(Test), "en", 1).text.startswith("Test: Wildfire - Vilcabamba")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"numbers": ["0999"]}, "number 1 is no international number"),
        ({"source": "FAR TOO LONG A NAME"}, "source"),
        ({"segments_max": 99}, "segments_max"),
        ({"port": 0}, "port"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, change: dict[str, object], why: str) -> None:
    (tmp_path / "password").write_text("secret", "utf-8")
    options = {"host": "127.0.0.1", "system_id": "a", "password": {"file": "password"}, "source": "AVISOS"}
    with pytest.raises(UsageError, match=why):
        open_channel("sms_smpp", "mine", {**options, "numbers": ["+593999990001"], **change}, Test, tmp_path)
