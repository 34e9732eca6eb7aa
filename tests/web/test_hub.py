"""The hub tells everyone everything once, each thing as it is in the end, and forgets rather than grows."""

import asyncio

import pytest

from almenara.board import Change
from almenara.web import hub as hub_of
from almenara.web.hub import Hub


def change(name: str, seq: int) -> Change:
    return Change("hazard", name, seq, b'{"n":%d}' % seq)


def test_a_thing_that_changed_twice_is_told_once() -> None:
    async def main() -> None:
        hub = Hub()
        place = hub.end
        hub.publish([change("a", 1), change("b", 1), change("a", 2)])
        told = hub.take(place)
        assert told is not None
        assert told.count(b"event: hazard") == 2
        assert b'{"n":2}' in told
        assert told.index(b"id: 1") < told.index(b"id: 2") or told.startswith(b"id: 2")
        assert hub.take(hub.end) == b""

    asyncio.run(main())


def test_what_is_kept_is_bounded_and_who_is_too_far_behind_begins_anew() -> None:
    async def main() -> None:
        hub = Hub()
        place = hub.end
        for seq in range(hub_of.FRAMES_MAX):
            hub.publish([change(f"h{seq}", seq)])
        assert hub.take(place) is not None
        hub.publish([change("one more", 1)])
        assert hub.take(place) is None
        assert hub.resets == 1
        assert hub.take(place + 1) is not None

    asyncio.run(main())


def test_news_come_at_once_and_then_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_of, "GAP_S", 0.2)

    async def main() -> None:
        hub, place, woken = Hub(), 0, 0
        loop = asyncio.get_running_loop()
        begun = loop.time()

        async def client() -> None:
            nonlocal place, woken
            while place < 50:
                await hub.news(place)
                place = hub.end
                woken += 1
                if woken == 1:
                    assert loop.time() - begun < 0.1

        listening = asyncio.create_task(client())
        await asyncio.sleep(0)
        for seq in range(50):
            hub.publish([change("a", seq)])
            await asyncio.sleep(0.002)
        await asyncio.wait_for(listening, 2)
        assert 2 <= woken <= 4

    asyncio.run(main())


def test_a_closed_hub_lets_everyone_go() -> None:
    async def main() -> None:
        hub = Hub()
        waiting = [asyncio.create_task(hub.news(0)) for _ in range(10)]
        await asyncio.sleep(0)
        hub.close()
        await asyncio.wait_for(asyncio.gather(*waiting), 1)

    asyncio.run(main())
