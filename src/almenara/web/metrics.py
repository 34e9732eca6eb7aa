"""Metrics for Prometheus: what the chain does, how old each feed's word is, who is connected, how fast answers are."""

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from almenara.service.office import Office
from almenara.web.hub import Hub

LATENCIES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one application."""

    def __init__(self, office: Office, hub: Hub) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "almenara_http_requests_total", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.latency = Histogram(
            "almenara_http_request_seconds",
            "Time until an answer began.",
            ("method", "route"),
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self.registry.register(_OfOffice(office, hub))

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)


class _OfOffice(Collector):
    """Figures that are read when somebody asks."""

    def __init__(self, office: Office, hub: Hub) -> None:
        self._office, self._hub = office, hub

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: what there is depends on the configuration."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        office, hub = self._office, self._hub
        yield GaugeMetricFamily("almenara_ready", "1 when the service can be relied on.", int(office.ready))
        yield GaugeMetricFamily("almenara_live_clients", "Screens that are connected.", hub.clients)
        yield CounterMetricFamily("almenara_live_resets", "Screens that fell too far behind.", hub.resets)
        yield CounterMetricFamily("almenara_log_entries", "Entries of the log that the board shows.", office.board.seq)
        yield from self._chain()
        yield from self._feeds()
        yield from self._channels()
        hazards = GaugeMetricFamily("almenara_standing", "Things on the board.", labels=["topic"])
        for topic, items in office.board.items.items():
            hazards.add_metric([topic], len(items))
        yield hazards
        cards = GaugeMetricFamily("almenara_cards", "Decisions that wait.", labels=["type", "alarm"])
        counted: dict[tuple[str, str], int] = {}
        for card in office.board.cards:
            key = card.type, "yes" if card.alarm else "no"
            counted[key] = counted.get(key, 0) + 1
        for key, count in sorted(counted.items()):
            cards.add_metric(key, count)
        yield cards

    def _chain(self) -> Iterator[Metric]:
        rates = self._office.rates
        if rates is None:
            return
        rows = CounterMetricFamily("almenara_observations", "Rows of all feeds.", labels=["outcome"])
        for outcome in ("accepted", "superseded", "rejected"):
            rows.add_metric([outcome], getattr(rates, outcome))
        yield rows
        per_s = rates.observations_per_s
        yield GaugeMetricFamily("almenara_observations_per_second", "Rows taken in, over the last minute.", per_s)
        yield CounterMetricFamily("almenara_steps", "Steps of the chain since the start.", rates.steps)
        step = GaugeMetricFamily("almenara_step_seconds", "Time of the last 1,000 steps.", labels=["quantile"])
        for name, value in (("0.5", rates.step_p50_ms), ("0.95", rates.step_p95_ms)):
            if value is not None:
                step.add_metric([name], value / 1000.0)
        yield step
        if rates.lag_s is not None:
            yield GaugeMetricFamily("almenara_newest_observation_age_seconds", "Since its acquisition.", rates.lag_s)
        yield GaugeMetricFamily("almenara_log_bytes", "Size of the log.", rates.log_bytes)
        if rates.snapshot_age_s is not None:
            yield GaugeMetricFamily("almenara_snapshot_age_seconds", "Since the last snapshot.", rates.snapshot_age_s)
        yield GaugeMetricFamily("almenara_memory_bytes", "Held by the process.", rates.memory_mb * 1e6)

    def _feeds(self) -> Iterator[Metric]:
        now_ms = self._office.clock()
        age = GaugeMetricFamily("almenara_feed_age_seconds", "Since a feed was heard.", labels=["feed"])
        silent = GaugeMetricFamily("almenara_feed_silent", "1 when a feed has fallen silent.", labels=["feed"])
        rows = GaugeMetricFamily("almenara_feed_rows_24h", "Rows a feed brought within a day.", labels=["feed", "what"])
        for name, heard_ms, form in self._office.feeds():
            silent.add_metric([name], int(form.state == "silent"))
            rows.add_metric([name, "read"], form.observations_24h)
            rows.add_metric([name, "quarantined"], form.quarantined_24h)
            if heard_ms is not None:
                age.add_metric([name], max(0, now_ms - heard_ms) / 1000.0)
        yield from (age, silent, rows)

    def _channels(self) -> Iterator[Metric]:
        counts = GaugeMetricFamily("almenara_deliveries", "Deliveries of a channel.", labels=["channel", "what"])
        well = GaugeMetricFamily(
            "almenara_channel_well", "1 when a channel neither fails nor pauses.", labels=["channel"]
        )
        for name, item in self._office.board.items["channel"].items():
            well.add_metric([name], int(item.form.state == "well"))
            for what in ("delivered", "waiting", "dead"):
                counts.add_metric([name, what], getattr(item.form, what))
        yield from (counts, well)


class Measured:
    """ASGI middleware: counts requests and times them, by route and not by address, so that labels stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = _route(scope)
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._metrics.requests.labels(method, path, str(message["status"])).inc()
                self._metrics.latency.labels(method, path).observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, timed)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
API = "/api/v1"


def _route(scope: Scope) -> str:
    """The route as it is declared, where it hangs."""
    path: str = getattr(scope.get("route"), "path", "other")
    return (
        f"{API}{path}" if path.startswith("/") and scope["path"].startswith(API) and not path.startswith(API) else path
    )
