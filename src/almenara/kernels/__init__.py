"""The inner loops: arrays in, arrays out, compiled by numba, knowing nothing of Almenara."""
