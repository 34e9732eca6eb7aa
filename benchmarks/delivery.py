"""One warning to 10,000 webhooks and 1,000 mailboxes, some of which hang, fail or are slow: when each has it.

    .venv/bin/python -m benchmarks.delivery [--webhooks 10000] [--mails 1000] [--trouble]

The way from `WarningSent` in the log to the receipt in the log, with the channels `webhook` and `email` as they are
configured by anybody, their lines, the outbox, and a clerk that attends as often as `almenara watch` does. The far
sides are processes of their own on this machine; each subscriber is a host of its own (127.x.y.z).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from almenara.config import ChannelConfig
from almenara.delivery import Deliveries
from almenara.model.cap import Certainty, Severity, Urgency
from almenara.model.commands import DraftByHand, Statement
from almenara.model.events import DeliveriesRecorded, RunStarted, WarningSent
from almenara.service.clerk import Clerk, open_lines
from almenara.service.commands import handle
from almenara.service.session import Session, now_ms
from almenara.service.watch import NAP_S
from almenara.stores import open_log
from benchmarks.engines import ROOT, Bench
from benchmarks.far_sides import SLOW_S, behaviour, far_side
from benchmarks.page import Goal, Section, number, table

TITLE = "Delivery: one warning to 10,000 webhooks and 1,000 mailboxes"

SIZES = {"full": (10_000, 1_000, 3), "small": (1_000, 100, 2), "tiny": (100, 100, 1)}
CONCURRENCY, TIMEOUT_S = 200, 15.0
END_S = 120.0
WORDS = {"well": "well", "slow": f"take {SLOW_S:g} s", "busy": "busy at first", "hangs": "hang for ever"}


def measure(bench: Bench) -> dict[str, Any]:
    """Each case in a process of its own, by turns."""
    webhooks, mails, rounds = SIZES[bench.size]
    cases: dict[str, list[dict[str, Any]]] = {"trouble": [], "well": []}
    for _ in range(rounds):
        for name, runs in cases.items():
            command = [sys.executable, "-m", "benchmarks.delivery", f"--webhooks={webhooks}", f"--mails={mails}"]
            command += ["--trouble"] if name == "trouble" else []
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603
            runs.append(json.loads(done.stdout))
    return {"webhooks": webhooks, "mails": mails, **cases}


def describe(result: dict[str, Any]) -> Section:
    """When the recipients of each kind had it, with and without trouble; and what it cost."""
    rows = []
    for case, words in (("well", "all well"), ("trouble", "some not")):
        best = _best(result[case])
        for channel in ("webhook", "email"):
            for does, found in best[channel].items():
                times = [number(found[key]) if key in found else "" for key in ("p50_s", "p99_s", "last_s")]
                label = f"`{channel}`, {words}: {WORDS[does]}"
                rows.append([label, f"{found['recipients']:,}", f"{found['delivered']:,}", *times])
    costs = [
        [words, number(best["seconds"]), number(best["cpu_s"]), number(best["memory_mb"]), f"{best['entries']:,}"]
        for words, best in (("all well", _best(result["well"])), ("some not", _best(result["trouble"])))
    ]
    text = [
        f"The same warning to {result['webhooks']:,} webhooks, each a host and a connection of its own, and to "
        f"{result['mails']:,} mailboxes of one server, at the same time, {CONCURRENCY} places on each line, "
        "by the real plugins, through outbox and log. Seconds from its sending until the receipt is durable. "
        "The far sides run on the same processors.",
        table(["recipients", "number", "delivered", "p50 s", "p99 s", "last s"], rows),
        table(["run", "wall s", "CPU s", "memory above the start MB", "log entries"], costs),
    ]
    return Section(text, {})


def goals(result: dict[str, Any]) -> list[Goal]:
    """Peers that hang, fail or are slow do not delay the others."""
    with_, without = _best(result["trouble"]), _best(result["well"])
    found = []
    for channel in ("webhook", "email"):
        slow, fast = (run[channel]["well"]["p99_s"] for run in (with_, without))
        work = f"`{channel}`: 99 % of the well have it, 5 in 100 hanging, failing or slow"
        found.append(Goal(work, "within 1.5 × the time without them", f"{number(slow / fast)} ×", slow <= 1.5 * fast))
    return found


def _best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return min(runs, key=lambda run: float(run["webhook"]["well"]["p99_s"]))


# ---------------------------------------------------------------------- one run


def configured(folder: Path, webhooks: int, mails: int, http: int, smtp: int) -> tuple[ChannelConfig, ...]:
    """The two channels as a configuration has them, their recipients in files."""
    hooks = (
        json.dumps({"id": f"{n:05}", "url": f"http://127.{1 + n // 65536}.{n // 256 % 256}.{n % 256}:{http}/{n}"})
        for n in range(webhooks)
    )
    (folder / "subscribers.jsonl").write_text("\n".join(hooks), encoding="utf-8")
    (folder / "addresses.jsonl").write_text("\n".join(f'"{n}@agency.example"' for n in range(mails)), encoding="utf-8")
    os.environ["WEBHOOK_SECRET"] = "whsec_" + "bench" * 12
    hook = {"secret": {"env": "WEBHOOK_SECRET"}, "subscribers_file": "subscribers.jsonl", "plain_http": True}
    mail = {"host": "127.0.0.1", "port": smtp, "security": "none", "sender": "alerts@agency.example"}
    common: dict[str, Any] = {"status": "Exercise", "concurrency": CONCURRENCY, "timeout_s": TIMEOUT_S}
    return (
        ChannelConfig(name="webhook", plugin="webhook", options=hook, **common),
        ChannelConfig(name="email", plugin="email", options=mail | {"to_file": "addresses.jsonl"}, **common),
    )


def run(webhooks: int, mails: int, *, trouble: bool) -> dict[str, Any]:
    """Send one warning by both channels and wait until all have it who ever will."""
    with ExitStack() as stack:
        http, smtp = (stack.enter_context(far_side(kind, trouble=trouble)) for kind in ("http", "smtp"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = open_lines(configured(folder, webhooks, mails, http, smtp), "Exercise", folder)
        numbers = {line.channel.name: dict(zip(line.channel.recipients(), range(10**6))) for line in lines}  # noqa: B905
        reach = {
            (name, to) for name, known in numbers.items() for to, n in known.items() if _does(n, trouble) != "hangs"
        }
        session = Session(stack.enter_context(closing(open_log(folder / "log"))))
        session.take(RunStarted(mode="watch", status="Exercise", parameters={}))
        clerk = Clerk(session, Deliveries(lines), None, now_ms)
        clerk.attend()
        before_mb, cpu, entries = _peak_mb(), time.process_time(), session.log.head()[0]
        sent = handle(session, _statement(), "Bench", now_ms())
        assert isinstance(sent[-1], WarningSent)
        begun = time.perf_counter()
        found: dict[tuple[str, str], float] = {}
        while not reach <= found.keys() and time.perf_counter() - begun < END_S:
            for event in clerk.attend():
                if isinstance(event, DeliveriesRecorded):
                    at = time.perf_counter() - begun
                    found |= {(event.channel, r.recipient): at for r in event.results if r.outcome == "delivered"}
            time.sleep(NAP_S)
        result: dict[str, Any] = {
            "seconds": time.perf_counter() - begun,
            "cpu_s": time.process_time() - cpu,
            "memory_mb": _peak_mb() - before_mb,
            "entries": session.log.head()[0] - entries,
        }
        clerk.close(0.0)
    for name, known in numbers.items():
        result[name] = _summary({n: found.get((name, to)) for to, n in known.items()}, trouble=trouble)
    return result


def _statement() -> DraftByHand:
    statement = Statement(
        kind="flood",
        area_name="the banks of the river",
        urgency=Urgency.IMMEDIATE,
        severity=Severity.SEVERE,
        certainty=Certainty.LIKELY,
    )
    return DraftByHand(statement=statement, area=((((-79.9, -2.2), (-79.7, -2.2), (-79.7, -2.0), (-79.9, -2.2)),),))


def _does(number_: int, trouble: bool) -> str:
    return behaviour(number_) if trouble else "well"


def _summary(times: dict[int, float | None], *, trouble: bool) -> dict[str, Any]:
    """How soon the recipients of each behaviour had it."""
    by: dict[str, Any] = {}
    for does in WORDS:
        wanted = [at for n, at in times.items() if _does(n, trouble) == does]
        known = np.array([at for at in wanted if at is not None])
        if wanted:
            by[does] = {"recipients": len(wanted), "delivered": len(known)}
        if len(known):
            by[does] |= {f"p{p}_s": float(np.percentile(known, p)) for p in (50, 99)} | {"last_s": float(known.max())}
    return by


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """One run, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--mails", type=int, default=1_000)
    parser.add_argument("--trouble", action="store_true", help="5 in 100 recipients hang, fail at first or are slow")
    asked = parser.parse_args()
    json.dump(run(asked.webhooks, asked.mails, trouble=asked.trouble), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
