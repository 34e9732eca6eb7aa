"""What `almenara cap` says: verdicts, faults by line, signatures, differences; as text or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from almenara.cli._cap_input import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from almenara.cli._cap_input import Message, Source
    from almenara.model.cap import Fault
    from almenara.model.cap.comparison import Comparison
    from almenara.model.cap.signature import Signer, Verified

#: Of one message, as text; --json has all of them.
FAULTS_SHOWN = 200

_NAMES = {"atom": "an Atom feed", "rss": "an RSS feed", "edxl-de": "an EDXL-DE envelope", "alerts": "a list of alerts"}


def tell_envelope(source: Source) -> None:
    """What a file is that is no message itself, on standard error."""
    envelope = source.envelope
    if envelope is None or envelope.kind == "alert":
        return
    entries = f" ({_counted(envelope.entries, 'entry', 'entries')})" if envelope.entries else ""
    said = f"{_NAMES[envelope.kind]}{entries}: {_counted(len(envelope.alerts), 'message', 'messages')} inside"
    if envelope.links:
        said += f", {_counted(len(envelope.links), 'link', 'links')} elsewhere, which nobody follows here"
    typer.echo(shown(f"{source.origin}: {said}."), err=True)


def tell_faults(origin: str, faults: Sequence[Fault]) -> None:
    """Each fault on a line of its own, FILE:LINE: reason: message; the first of very many."""
    for fault in faults[:FAULTS_SHOWN]:
        where = "" if fault.line is None else f":{fault.line}"
        typer.echo(shown(f"{origin}{where}: {fault.reason}: {fault.message}"))
    if len(faults) > FAULTS_SHOWN:
        typer.echo(shown(f"{origin}: and {len(faults) - FAULTS_SHOWN:,} faults more (--json has all)."))


def tell_verdict(
    origin: str,
    version: str | None,
    faults: Sequence[Fault],
    advice: Sequence[Fault],
    profiles: list[str],
    as_json: bool,
) -> None:
    """Whether a message is valid, and what is wrong with it."""
    if as_json:
        schema_valid = version is not None and not any(fault.reason.startswith("schema:") for fault in faults)
        print_json({"file": origin, "version": version, "profiles": profiles, "valid": not faults,
                    "schema_valid": schema_valid, "faults": faults, "advice": advice})  # fmt: skip
        return
    tell_faults(origin, faults)
    for fault in advice[:FAULTS_SHOWN]:
        where = "" if fault.line is None else f":{fault.line}"
        typer.echo(shown(f"{origin}{where}: advice: {fault.reason}: {fault.message}"))
    if not faults:
        typer.echo(shown(f"{origin}: valid CAP {version} ({', '.join(['schema', *profiles])})"))


def tell_signature(origin: str, verified: Verified | None, faults: Sequence[Fault], as_json: bool) -> None:
    """Whether a message is signed soundly by somebody trusted, and by whom."""
    signers = verified.signers if verified is not None else ()
    if as_json:
        print_json({"file": origin, "trusted": not faults, "signature_holds": verified is not None,
                    "signers": [_described(signer) for signer in signers], "faults": faults})  # fmt: skip
        return
    tell_faults(origin, faults)
    if verified is None or faults:
        return
    for signer in verified.signers:
        word = "signed, trusted" if signer in verified.trusted else "also signed, not trusted"
        described = _described(signer)
        typer.echo(shown(f"{origin}: {word}: {described['subject']} ({described['algorithm']})"))
    if verified.blanks_removed:
        typer.echo(shown(f"{origin}: the signature is over the message without the blanks between its elements"))


def tell_comparison(found: Comparison) -> None:
    """What differs, field by field, then the areas."""
    if not found.one_thread:
        typer.echo("These messages are not of one thread: neither refers to the other.", err=True)
    for change in found.changes:
        where = f"[{change.language}] " if change.language else ""
        typer.echo(shown(f"{where}{change.field}"))
        for sign, text in (("-", change.before), ("+", change.after)):
            for line in (text or "").splitlines():
                typer.echo(shown(f"  {sign} {line}"))
    for area in found.areas:
        said = f"{area.before_km2:,.2f} km² → {area.after_km2:,.2f} km²"
        typer.echo(f"[{area.language}] area {said}: {area.gained_km2:,.2f} gained, {area.lost_km2:,.2f} lost")
    if not found.changes and not found.areas:
        typer.echo("Nothing differs.")


def moved(message: Message, faults: Iterable[Fault]) -> list[Fault]:
    """Faults of a message inside a file, at the lines of the file."""
    from msgspec.structs import replace

    return [replace(fault, line=message.line_in_file(fault.line)) for fault in faults]


def print_json(value: Any) -> None:
    """One line of JSON, times and messages included."""
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _described(signer: Signer) -> dict[str, str]:
    from almenara.model.cap.trust import sha256_of, subject

    certificate = signer.certificate
    return {
        "subject": subject(certificate),
        "sha256": sha256_of(certificate),
        "valid_until": certificate.not_valid_after_utc.isoformat(),
        "algorithm": signer.algorithm,
    }
