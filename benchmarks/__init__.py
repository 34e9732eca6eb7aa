"""Benchmarks: how fast Almenara is, beside its peers, on one machine, with the same answers."""
