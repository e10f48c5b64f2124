"""Processes of data cubes: of time, aggregate_temporal, anomaly, climatological_normal."""
