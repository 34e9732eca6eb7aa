"""`almenara cap`: validate, show, sign, verify and compare messages in the Common Alerting Protocol."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almenara.cli._cap_input import Words, one_message, sources

# lxml, signxml and Rich are imported where they are used: `--help` answers at once.
if TYPE_CHECKING:
    from almenara.cli._cap_input import Message
    from almenara.model.cap import Fault
    from almenara.model.cap.signature import Verified

app = typer.Typer(
    no_args_is_help=True,
    help="Validate, show, sign, verify and compare warnings in the Common Alerting Protocol (CAP 1.0, 1.1, 1.2).",
)

_FILES_HELP = "Files, folders, patterns, or - for standard input; feeds and EDXL-DE envelopes are taken apart."

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help=_FILES_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each message.")]


@app.command()
def validate(
    files: Files,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="plain, google, ipaws or canada; may be repeated. plain is always checked."),
    ] = None,
    schema_only: Annotated[bool, typer.Option("--schema-only", help="The schema's verdict alone, no profile.")] = False,
    advice: Annotated[bool, typer.Option("--advice", help="Say too what is allowed and not recommended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check messages against the schema of their version, the standard's text, and profiles.

    Every fault is one line, FILE:LINE: reason: message. Exit code 0: all are valid; 1: one is not.

    Examples:  almenara cap validate warnings/  ·  almenara cap validate --profile google alert.xml
               curl -s https://example.org/feed.atom | almenara cap validate -
    """
    from almenara.cli._cap_tell import tell_envelope, tell_verdict
    from almenara.model.cap.profiles import load
    from almenara.model.errors import UsageError

    if schema_only and profile:
        raise UsageError("--schema-only and --profile exclude each other.")
    profiles = [] if schema_only else list(dict.fromkeys(["plain", *(profile or [])]))
    for name in profiles:
        load(name)
    count = invalid = 0
    for source in sources(files):
        tell_envelope(source)
        if source.faults:
            count, invalid = count + 1, invalid + 1
            tell_verdict(source.origin, None, list(source.faults), [], profiles, as_json)
        for message in source.messages:
            version, faults, advised = _judge(message, profiles, advice)
            count, invalid = count + 1, invalid + bool(faults)
            tell_verdict(message.origin, version, faults, advised, profiles, as_json)
    if not as_json:
        typer.echo(f"{count:,} {'message' if count == 1 else 'messages'}, {invalid:,} invalid.", err=True)
    if invalid:
        raise typer.Exit(1)


@app.command()
def show(
    files: Files,
    lang: Annotated[Words, typer.Option(help="The language of the labels.")] = Words.EN,
    as_json: AsJson = False,
) -> None:
    """Show messages as a person reads them: who, what, where, until when, what to do, in every language they have.

    Exit code 1 when one cannot be read, with its faults. A signature is said to be there, not verified.

    Example:  almenara cap show alert.xml --lang es
    """
    from rich.console import Console

    from almenara.cli._cap_show import print_message
    from almenara.cli._cap_tell import moved, print_json, tell_envelope, tell_faults
    from almenara.model.cap import RefusedDocument, read
    from almenara.model.cap.signature import is_signed

    console, failed = Console(highlight=False), False
    for source in sources(files):
        tell_envelope(source)
        tell_faults(source.origin, list(source.faults))
        failed = failed or bool(source.faults)
        for message in source.messages:
            try:
                reading = read(message.data)
            except RefusedDocument as error:
                tell_faults(message.origin, moved(message, error.faults))
                failed = True
                continue
            if as_json:
                print_json({"file": message.origin, "version": reading.version, "notes": reading.notes,
                             "signed": is_signed(message.data), "alert": reading.alert})  # fmt: skip
            else:
                print_message(console, message.origin, reading, is_signed(message.data), lang)
    if failed:
        raise typer.Exit(1)


@app.command()
def sign(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The message, or - for standard input.")],
    key: Annotated[Path, typer.Option(metavar="PEM", help="The private key: RSA (2048 bits or more) or ECDSA.")],
    certificate: Annotated[
        Path, typer.Option(metavar="PEM", help="The certificate of the key first, then those that issued it.")
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; standard output without it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing FILE.")] = False,
) -> None:
    """Sign a message: enveloped XML-DSig over the whole, SHA-256, the certificate inside.

    The key's passphrase is taken from the environment variable ALMENARA_KEY_PASSPHRASE or asked for.

    Example:  almenara cap sign alert.xml --key agency.key --certificate agency.pem --out signed.xml
    """
    from datetime import UTC, datetime

    from almenara.cli._cap_keys import bytes_of, private_key
    from almenara.model.cap import signature
    from almenara.model.cap.trust import Trust, check_dates
    from almenara.model.errors import UsageError

    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} exists: choose another name, or give --force to replace it.")
    certificates = Trust.from_pem(bytes_of(certificate)).certificates
    check_dates(certificates[0], datetime.now(UTC))
    signed = signature.sign(one_message(file).data, private_key(key), certificates)
    if out is None:
        sys.stdout.buffer.write(signed)
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_bytes(signed)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{out}: signed with the certificate of {certificates[0].subject.rfc4514_string()}.", err=True)


@app.command()
def verify(
    files: Files,
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="PEM", help="Trusted certificates: the publisher's own, or of who issues them."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the certificates must be valid: a time with offset, or 'sent'."),
    ] = None,
    allow_sha1: Annotated[
        bool, typer.Option("--allow-sha1", help="Take SHA-1 and short keys too, as old publishers used.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify signatures: nothing was changed since, and who signed is trusted. Exit code 1 otherwise, with the reason.

    Certificates must be valid now. Of a message that has itself expired it is enough that they were when it was sent:
    nobody acts on it any more.

    Example:  almenara cap verify signed.xml --trust agency.pem
    """
    from almenara.cli._cap_keys import trust_of, trusted_at
    from almenara.cli._cap_tell import moved, tell_envelope, tell_signature
    from almenara.model.cap import RefusedDocument, signature

    trusted, failed, count = trust_of(trust or []), False, 0
    for source in sources(files):
        tell_envelope(source)
        if source.faults:
            failed = True
            tell_signature(source.origin, None, list(source.faults), as_json)
        count += len(source.messages)
        for message in source.messages:
            verified: Verified | None = None
            faults: list[Fault] = []
            try:
                verified = signature.verify(message.data, allow_sha1=allow_sha1)
                verified = trusted_at(verified, trusted, at)
            except RefusedDocument as error:
                faults, failed = moved(message, error.faults), True
            tell_signature(message.origin, verified, faults, as_json)
    if not count and not failed:
        typer.echo("almenara: there is no message to verify.", err=True)
        failed = True
    if failed:
        raise typer.Exit(1)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="OLD", help="The earlier message.")],
    after: Annotated[str, typer.Argument(metavar="NEW", help="The later message of the same thread.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What changed between two messages: each field in each language, and the area gained and lost in km².

    Exit code like diff's: 0 when nothing differs, 1 when something does, 2 when one cannot be read.

    Example:  almenara cap diff warnings/1-alert.xml warnings/1-update-1.xml
    """
    from almenara.cli._cap_tell import print_json, tell_comparison
    from almenara.model.cap import read
    from almenara.model.cap.comparison import compare
    from almenara.model.errors import AlmenaraError

    try:
        old, new = (read(one_message(name).data).alert for name in (before, after))
    except AlmenaraError as error:
        typer.echo(f"almenara: {error}", err=True)
        raise typer.Exit(2) from error
    found = compare(old, new)
    if as_json:
        print_json(found)
    else:
        tell_comparison(found)
    if found.changes or found.areas:
        raise typer.Exit(1)


def _judge(message: Message, profiles: list[str], advice: bool) -> tuple[str | None, list[Fault], list[Fault]]:
    """The version of a message, its faults and the advice, at the lines of its file."""
    from almenara.cli._cap_tell import moved
    from almenara.model.cap import RefusedDocument, validate
    from almenara.model.cap.document import open_document
    from almenara.model.cap.profiles import advise_all

    faults = moved(message, validate(message.data, profiles))
    try:
        document = open_document(message.data)
    except RefusedDocument:
        return None, faults, []
    return document.version, faults, moved(message, advise_all(document, profiles)) if advice else []
