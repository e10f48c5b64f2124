"""The codes of what can be wrong with a scene dataset, each in a line; the guide's table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CODES"]

CODES: Mapping[str, str] = MappingProxyType(
    {
        "E000": "not a file of YAML with plain values and one mapping",
        "E001": "unknown source",
        "E002": "a type that its source does not have, or that cannot be read",
        "E003": "a channel that is not one of 1 to 16",
        "E004": "bt_ of channels 1 to 6, or refl_ of channels 7 to 16",
        "E005": "unknown protocol or mode of the storage",
        "E006": "unknown sector",
        "E007": "unknown key",
        "E008": "a value of the wrong kind, or a required key is missing",
        "E009": "a key and its other name are both given",
        "E010": "no time, or half of one",
        "E011": "the end is not after the start",
        "E012": "t_end and N_days are both given",
        "E013": "intervals and a span of its own are both given",
        "W013": "intervals overlap and were merged",
        "E014": "hours from zenith outside 0 to 12, or no centre of the domain to count them at",
        "E015": "unknown filter, or a value that it never has",
        "E016": "no scene is left after the filters",
        "E020": "latitude or longitude out of range",
        "E021": "the domain is not whole: a centre and two sides belong together",
        "E022": "the satellite does not see the whole domain",
        "W023": "a side of the domain is not a multiple of the resolution and was rounded",
        "E024": "a kind of domain that does not fit what else is given",
        "E025": "pad is not a share from 0 to 1",
        "E030": "no resolution, or one that does not fit the domain",
        "E031": "unknown method of resampling",
        "E032": "no triplets to draw, or none of the collection train",
        "E033": "the tile is larger than the domain, or smaller than 8 pixels",
        "W033": "the domain is narrow: centres keep half a tile from its edge only",
        "E034": "unknown way of splitting scenes",
        "E034b": "too few scenes for the collections",
        "E035": "no neighbour fits into the domain at any place",
        "W035": "anchors near the centre of the domain have no neighbour in it",
        "E036": "the step of the sliding window is not a whole number from 1",
        "E037": "the sliding window is larger than the domain, or smaller than 8 pixels",
        "E038": "the file of trajectories is not named or not there",
        "E039": "edge_margin or max_nodata_fraction out of range",
        "E040": "limits or functions of pictures that cannot be used",
        "E050": "a name of an auxiliary product that cannot be part of a file name",
        "E051": "unknown way of matching auxiliary products to scenes",
        "E052": "dt_aux is not a duration above zero",
        "E053": "dt_aux cannot be found from a single file",
        "E054": "no auxiliary file is near enough to any scene",
        "W060": "a coordinate or a time without usable units; what was assumed",
        "E061": "a coordinate is missing and no dx is given",
        "E062": "a file with several fields and no word on which is meant",
        "E063": "a key that this source does not know",
        "W070": "tables of the Rayleigh correction are missing; none was made",
        "E080": "a file does not overlap the domain",
        "W081": "a file covers part of the domain only",
        "E090": "two scenes have the same time",
        "E091": "a transform that cannot be applied to other data",
        "E100": "outputs were made with other settings",
    }
)
