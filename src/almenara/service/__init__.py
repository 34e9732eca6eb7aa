"""Wiring: the only place that knows the concrete parts and the real clock. One file for each way of running."""
