"""Almenara: observations of hazards in, public warnings out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from almenara.fire_tracker import FireTracker
    from almenara.kernels.place_index import PlaceIndex

__all__ = ["FireTracker", "PlaceIndex", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load what is public at its first use: numba and PROJ take longer to import than most commands take to run."""
    if name == "PlaceIndex":
        from almenara.kernels.place_index import PlaceIndex

        return PlaceIndex
    if name == "FireTracker":
        from almenara.fire_tracker import FireTracker

        return FireTracker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
