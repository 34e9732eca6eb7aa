"""Seeded exercise worlds: true events, what satellites and seismic networks report of them, and how feeds go wrong."""

from almenara.simulation.scenario import Scenario
from almenara.simulation.world import Delivery, World, find_scenarios, write_world

__all__ = ["Delivery", "Scenario", "World", "find_scenarios", "write_world"]
