"""The engines that are compared: one file each, ours among them; adding a peer is adding a file.

An engine is a module with

    NAME = "what tables call it"
    NEEDS = ("distribution", ...)    # packages whose versions the page names; without them it is left out
    def build(lon, lat, distance_m): ...    # places, degrees; returns whatever join needs. The reach is told beforehand
    def join(state, lon, lat, distance_m):  # observations; returns (observation, place, distance in metres)

and where it can, `join_few` (the same for 1 to 1,000 observations, when another way is quicker), `build_outlines` and
`join_outlines` (places that are polygons: an array (n, vertices, 2) of open rings), `start` (prepare a server; returns
how to stop it), `cpu_s` and `memory_mb` (where the work is done by other processes), `why_not` (what is missing on
this machine, as a sentence) and `INEXACT` (why its pairs are not those of a geodesic).

Peers find candidates their own way and are all given the same exact distance: `geodesic.py`.
"""
