"""The outlines of countries under the report's maps: where they belong, and across the antimeridian too."""

import numpy as np
import shapely

from almenara.report.basemap import View, land_path


def test_the_base_map_is_where_the_world_is() -> None:
    view = View(-82.0, -6.0, -74.0, 3.0, 800.0, 900.0)
    rings = [
        np.array([pair.split() for pair in ring.split("L")], dtype=float)
        for ring in land_path(view).replace("Z", "").split("M")[1:]
    ]
    land = shapely.union_all([shapely.Polygon(ring) for ring in rings if len(ring) > 3])

    def on_land(lon: float, lat: float) -> bool:
        return bool(land.contains(shapely.Point(float(view.x(np.array(lon))), float(view.y(np.array(lat))))))

    assert on_land(-78.5, -0.2)  # Quito
    assert on_land(-79.0, -2.9)  # Cuenca
    assert not on_land(-81.5, -1.0)  # the Pacific
    siberia = View(170.0, 60.0, 195.0, 72.0, 800.0, 400.0)  # Chukotka lies on both sides of 180 degrees
    coast = max(land_path(siberia).split("M"), key=len).replace("Z", "").split("L")
    chukotka = shapely.Polygon([tuple(map(float, pair.split())) for pair in coast])
    east_of_180 = shapely.Point(float(siberia.x(np.array(-176.0))), float(siberia.y(np.array(67.0))))
    assert chukotka.contains(east_of_180)
    assert len(land_path(View(-180.0, -56.0, 180.0, 72.0, 960.0, 341.0))) < 400_000
