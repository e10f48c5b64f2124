"""What of Sentinel-1 itself counts in ground motion."""

from __future__ import annotations

__all__ = ["WAVELENGTH_MM"]

WAVELENGTH_MM = 55.465760
"""Of its C-band radar, mm; half of it is one turn of the phase."""
