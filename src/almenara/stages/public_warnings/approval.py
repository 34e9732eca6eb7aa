"""Who has to say yes before a warning leaves: nobody, one person, or two different ones, by kind and severity."""

import unicodedata
from collections.abc import Iterable, Mapping

from almenara.model.cap import Severity, Status
from almenara.model.errors import CommandRefused, UsageError

AUTOMATIC, ONE, FOUR_EYES = "automatic", "one", "four-eyes"
YESES = {AUTOMATIC: 0, ONE: 1, FOUR_EYES: 2}
DEFAULT = "default"

#: Who is no person: the machine drafts and withdraws, the policy approves.
MACHINE, POLICY = "almenara", "policy"
NAME_CHARS_MAX = 80


def rule_for(rules: Mapping[str, str], status: str, kind: str, severity: str) -> str:
    """The rule for a warning: for its kind and severity, else its kind, else the default, else the status's own.

    >>> rule_for({"fire/Minor": "automatic", "fire": "one"}, "Actual", "fire", "Minor")
    'automatic'
    >>> rule_for({}, "Actual", "fire", "Minor"), rule_for({}, "Exercise", "fire", "Minor")
    ('four-eyes', 'automatic')
    """
    for key in (f"{kind}/{severity}", kind, DEFAULT):
        if key in rules:
            return rules[key]
    return FOUR_EYES if status == Status.ACTUAL else AUTOMATIC


def check_rules(rules: Mapping[str, str], kinds: Iterable[str]) -> None:
    """Raises UsageError for a rule that nothing would ever meet, or that is none."""
    for key, rule in rules.items():
        kind, _, severity = key.partition("/")
        known = key == DEFAULT or (kind in kinds and (severity in list(Severity) or "/" not in key))
        if not known:
            raise UsageError(f"[approval] {key!r}: say default, a kind ({', '.join(kinds)}) or kind/Severity.")
        if rule not in YESES:
            raise UsageError(f"[approval] {key} = {rule!r}: must be one of {', '.join(YESES)}.")


def is_approved(rule: str, drafted_by: str, approved_by: Iterable[str]) -> bool:
    """Whether enough different persons said yes. Who drafted by hand counts as the first; the machine counts for none.

    >>> is_approved("four-eyes", "almenara", ["Ana", "ana"]), is_approved("four-eyes", "Ana", ["Luis"])
    (False, True)
    """
    return len(persons(drafted_by, approved_by)) >= YESES[rule] if rule != AUTOMATIC else True


def persons(drafted_by: str, approved_by: Iterable[str]) -> set[str]:
    """The different persons behind a draft, by the key under which their names are compared."""
    return {_key(name) for name in (drafted_by, *approved_by)} - {MACHINE, POLICY}


def is_among(by: str, drafted_by: str, approved_by: Iterable[str]) -> bool:
    """Whether a person stands behind a draft already."""
    return _key(by) in persons(drafted_by, approved_by)


def person(name: str) -> str:
    """A person's name on one line. Raises CommandRefused for none, too long a one, and the machine's own.

    >>> person("  Ana  Ruiz ")
    'Ana Ruiz'
    """
    kept = " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).split())
    if not kept or len(kept) > NAME_CHARS_MAX:
        raise CommandRefused("no-name", f"Say who asks: a name of 1 to {NAME_CHARS_MAX} characters.")
    if _key(kept) in (MACHINE, POLICY):
        raise CommandRefused("no-name", f"{kept!r} is no person: give your own name.")
    return kept


def _key(name: str) -> str:
    """Names that differ in case, width, accents of one letter or blanks only are one person's.

    >>> _key("ANA  Ruíz") == _key("Ana Ruíz") == _key("ana ruiz")
    True
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
