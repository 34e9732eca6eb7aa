"""Almenara: observations of hazards in, public warnings out."""

__version__ = "0.1.0"
