"""What is in a product, and how well its geometry is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import BadOrbitFile, CorruptedDataSAFEError
from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.products.manifests import Manifest, Role, read_manifest
from tiling.sentinel1.products.orbitfiles import orbit_vectors
from tiling.sentinel1.products.safefolders import Image

__all__ = ["covered_tiles", "information_lines", "product_information"]

ROLES: tuple[Role, ...] = ("annotation", "calibration", "noise", "measurement")

_MODES = {
    "nearest": "nearest polynomial",
    "linear": "polynomials linear in time",
    "corrected": "nearest, corrected by the grid",
}


def product_information(
    folder: str | Path, *, orbit_file: str | Path | None = None, tiles: bool = False
) -> dict[str, Any]:
    """Return what is in a product, as JSON can hold it.

    Parts that are missing or damaged are named, and do not hinder the rest.

    Parameters
    ----------
    folder
        The SAFE folder.
    orbit_file
        Precise orbits (EOF) for the residuals; by default those of each annotation.
    tiles
        Whether to list the tiles that the footprint meets.

    Returns
    -------
    dict
        ``images`` by polarisation; their ``geometry`` has the residuals at the geolocation grid in
        lines and pixels, as `geometry.imagemodels.ImageModel.description` gives them.

    Raises
    ------
    CorruptedDataSAFEError
        If the manifest cannot be read.
    """
    manifest = read_manifest(folder)
    west, south, east, north = manifest.footprint.bounds
    found: dict[str, Any] = {
        "product": manifest.folder.name,
        "platform": manifest.platform,
        "mode": manifest.mode,
        "type": manifest.product_type,
        "start": str(manifest.start),
        "stop": str(manifest.stop),
        "orbit": manifest.orbit,
        "relative_orbit": manifest.relative_orbit,
        "direction": manifest.direction,
        "processor": manifest.processor,
        "bounds": [west, south, east, north],
        "footprint": manifest.footprint.wkt,
        "images": {each: _image(manifest, each, orbit_file) for each in manifest.polarisations},
    }
    if tiles:
        found["tiles"] = covered_tiles(manifest)
    return found


def covered_tiles(manifest: Manifest) -> dict[str, float]:
    """Return the tiles that a footprint meets, each with the share that it covers, 0 to 1.

    Shares are of areas in degrees, in which the footprint is given.
    """
    from shapely import affinity

    from workbench.rasters.tilegrid import tile_footprint, tiles_touching

    shares = {}
    footprint = manifest.footprint
    for name in tiles_touching(footprint):
        tile = tile_footprint(name)
        turned = (tile, affinity.translate(tile, 360), affinity.translate(tile, -360))
        shares[name] = sum(footprint.intersection(each).area for each in turned) / tile.area
    return dict(sorted(shares.items(), key=lambda each: (-each[1], each[0])))


def _image(manifest: Manifest, polarisation: str, orbit_file: str | Path | None) -> dict[str, Any]:
    image = Image(manifest.folder, polarisation)
    found: dict[str, Any] = {"files": {}, "faults": []}
    for role in ROLES:
        listed = manifest.files.get((role, polarisation))
        if listed is None or not listed[0].is_file():
            found["files"][role] = None
            continue
        path, expected = listed
        size = path.stat().st_size
        found["files"][role] = {"name": path.name, "bytes": size}
        if expected is not None and expected != size:
            found["faults"].append(
                f"{role} has {size:,} bytes, {expected:,} in the manifest: it was changed, or is "
                "not complete"
            )
    missing = [f"no {role}" for role, file in found["files"].items() if file is None]
    if missing:
        found["faults"].insert(0, ", ".join(missing))
    if found["files"]["annotation"] is not None:
        try:
            found |= _geometry(image, orbit_file)
        except (BadOrbitFile, CorruptedDataSAFEError) as reason:
            found["faults"].append(str(reason))
    return found


def _geometry(image: Image, orbit_file: str | Path | None) -> dict[str, Any]:
    annotation = image.annotation
    vectors = None
    if orbit_file is not None:
        vectors = orbit_vectors(Path(orbit_file), annotation)
    grid = annotation.grid
    return {
        "shape": list(annotation.shape),
        "spacing_m": [annotation.line_spacing, annotation.pixel_spacing],
        "thermal_noise_removed": annotation.thermal_noise_removed,
        "incidence_degrees": [float(grid.incidences.min()), float(grid.incidences.max())],
        "heights_m": [float(grid.heights.min()), float(grid.heights.max())],
        "geometry": image_model(annotation, vectors=vectors).description(),
    }


def information_lines(found: dict[str, Any]) -> list[str]:
    """Return what `product_information` found as lines of text, with a table of residuals."""
    west, south, east, north = found["bounds"]
    lines = [
        found["product"],
        f"  {found['platform']} {found['mode']} {found['type']}, "
        f"{found['start']} to {found['stop'].partition('T')[2]} UTC",
        f"  orbit {found['orbit']}, relative {found['relative_orbit']}, {found['direction']}, "
        f"processor {found['processor'] or 'unknown'}",
        f"  {west:.3f} to {east:.3f} E, {south:.3f} to {north:.3f} N",
    ]
    for polarisation, image in found["images"].items():
        lines += ["", f"  {polarisation.upper()}", *_image_lines(image)]
    if "tiles" in found:
        lines += ["", "  tiles"]
        lines += [f"    {name}  {100 * share:5.1f} %" for name, share in found["tiles"].items()]
    return lines


def _image_lines(image: dict[str, Any]) -> list[str]:
    lines = [f"    fault: {fault}" for fault in image["faults"]]
    if "geometry" not in image:
        return lines
    geometry = image["geometry"]
    (rows, cols), (down, across) = image["shape"], image["spacing_m"]
    near, far = image["incidence_degrees"]
    low, high = image["heights_m"]
    corrected = "taken away" if geometry["grid_correction"] else "not needed"
    orbit = geometry["orbit"]
    lines += [
        f"    {rows:,} lines x {cols:,} pixels of {down:.2f} x {across:.2f} m",
        f"    incidence {near:.2f} to {far:.2f} degrees; grid heights {low:.0f} to {high:.0f} m",
        f"    orbit {orbit['source']}, fitted to {1000 * orbit['residual_m']:.1f} mm; "
        f"share of the travel time in line times {geometry['bistatic']['slope']:.4f}",
        f"    residuals at {geometry['points']} points of the product's grid, which is made with "
        f"the nearest polynomial; correction {corrected}",
        f"    {'':32}{'lines':>21}{'':>6}{'pixels':>21}",
        f"    {'':32}{'mean':>9}{'std':>9}{'max':>9}{'mean':>9}{'std':>9}{'max':>9}",
    ]
    for key, words in _MODES.items():
        numbers = [
            f"{geometry[key][axis][statistic]:9.4f}"
            for axis in ("line", "pixel")
            for statistic in ("mean", "std", "max")
        ]
        lines.append(f"    {words:32}{''.join(numbers)}")
    return lines
