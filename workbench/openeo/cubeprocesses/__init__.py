"""The official processes of data cubes, by kind.

======================  ============================================================================
`dimensions`            dimensions and their labels, from add_dimension to trim_cube
`selection`             filter_bands, filter_labels, filter_temporal: some of the labels
`merging`               merge_cubes, mask: one cube of two
`callbacks`             apply, apply_dimension, reduce_dimension, reduce_spatial
`neighbourhoods`        apply_kernel, apply_neighborhood
`periods`               aggregate_temporal, anomaly, climatological_normal, resample_cube_temporal
`bandmath`              ndvi
`resampling`            resample_spatial, resample_cube_spatial
`areas`                 filter_bbox, filter_spatial, mask_polygon
`zonal`                 aggregate_spatial
`loading`               load_collection, load_stac
`vectors`               load_geojson
`saving`                save_result
`userfunctions`         run_udf
`answers`               what callbacks give, checked, and put into cubes
`joins`                 labels of two cubes, joined
`labels`                labels of graphs as coordinates, and which of them are picked
`windows`               lengths of windows, in pixels, units and durations
`calendars`             periods of the calendar
======================  ============================================================================

Callbacks of a cube are the processes of `workbench.openeo.processes`.
"""
