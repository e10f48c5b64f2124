"""The manifest of a simulated product: the namespaces, names and places of a real one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tiling.sentinel1.sample.naming import DATA_TAKE, Naming
from tiling.sentinel1.sample.xmltrees import clock

__all__ = ["PROCESSOR", "Listed", "listed", "manifest"]

PROCESSOR = "003.40"
"""Whose formats the product has; the facility says that it is simulated."""


class Listed(NamedTuple):
    """A file of a product.

    Attributes
    ----------
    path
        In the product, with slashes.
    schema
        What it is, such as ``s1Level1ProductSchema``.
    size
        Bytes.
    digest
        MD5.
    """

    path: str
    schema: str
    size: int
    digest: str


def listed(folder: Path, path: str, schema: str) -> Listed:
    """Return what a manifest says of a file that has been written."""
    digest = hashlib.md5(usedforsecurity=False)
    with (folder / path).open("rb") as file:
        while part := file.read(1 << 24):
            digest.update(part)
    return Listed(path, schema, (folder / path).stat().st_size, digest.hexdigest())


def manifest(
    naming: Naming,
    corners: Sequence[tuple[float, float]],
    files: Sequence[Listed],
    images: int = 1,
) -> str:
    """Return the manifest of a product.

    Parameters
    ----------
    naming
        Of the image.
    corners
        Longitude and latitude of the first line's last pixel and first pixel, and of the last
        line's first pixel and last pixel.
    files
        Of the product.
    images
        Of the strip that it is a slice of.
    """
    outline = " ".join(f"{latitude:.6f},{longitude:.6f}" for longitude, latitude in corners)
    channels = "\n".join(
        "            <s1sarl1:transmitterReceiverPolarisation>"
        f"{each.upper()}</s1sarl1:transmitterReceiverPolarisation>"
        for each in naming.polarisations
    )
    since_node = (naming.start - naming.node_time) / np.timedelta64(1, "ms")
    until = (naming.stop - naming.node_time) / np.timedelta64(1, "ms")
    objects = "\n".join(map(_data_object, files))
    units = "\n".join(map(_unit, files))
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:gml="http://www.opengis.net/gml" xmlns:xfdu="urn:ccsds:schema:xfdu:1"
 xmlns:safe="http://www.esa.int/safe/sentinel-1.0"
 xmlns:s1="http://www.esa.int/safe/sentinel-1.0/sentinel-1"
 xmlns:s1sar="http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar"
 xmlns:s1sarl1="http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1"
 version="esa/safe/sentinel-1.0/sentinel-1/sar/level-1/grd/standard/iwdp">
  <informationPackageMap>
    <xfdu:contentUnit unitType="SAFE Archive Information Package"
     textInfo="Sentinel-1 IW Level-1 GRD Product"
     dmdID="acquisitionPeriod platform generalProductInformation measurementOrbitReference \
measurementFrameSet" pdiID="processing">
{units}
    </xfdu:contentUnit>
  </informationPackageMap>
  <metadataSection>
    <metadataObject ID="processing" classification="PROVENANCE" category="PDI">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" textInfo="Processing"><xmlData>
          <safe:processing name="GRD Simulation" start="{clock(naming.start)}"\
 stop="{clock(naming.stop)}">
            <safe:facility country="none" name="eo-workbench sample" organisation="none"\
 site="simulated">
              <safe:software name="Sentinel-1 IPF" version="{PROCESSOR}"/>
            </safe:facility>
          </safe:processing>
      </xmlData></metadataWrap>
    </metadataObject>
    <metadataObject ID="platform" classification="DESCRIPTION" category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" textInfo="Platform Description">
        <xmlData>
          <safe:platform>
            <safe:nssdcIdentifier>2014-016A</safe:nssdcIdentifier>
            <safe:familyName>SENTINEL-1</safe:familyName>
            <safe:number>{naming.platform[-1]}</safe:number>
            <safe:instrument>
              <safe:familyName abbreviation="SAR">Synthetic Aperture Radar</safe:familyName>
              <safe:extension>
                <s1sarl1:instrumentMode>
                  <s1sarl1:mode>IW</s1sarl1:mode>
                  <s1sarl1:swath>IW</s1sarl1:swath>
                </s1sarl1:instrumentMode>
              </safe:extension>
            </safe:instrument>
          </safe:platform>
        </xmlData>
      </metadataWrap>
    </metadataObject>
    <metadataObject ID="measurementOrbitReference" classification="DESCRIPTION" category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" textInfo="Orbit Reference">
        <xmlData>
          <safe:orbitReference>
            <safe:orbitNumber type="start">{naming.orbit}</safe:orbitNumber>
            <safe:orbitNumber type="stop">{naming.orbit}</safe:orbitNumber>
            <safe:relativeOrbitNumber type="start">{naming.relative_orbit}\
</safe:relativeOrbitNumber>
            <safe:relativeOrbitNumber type="stop">{naming.relative_orbit}\
</safe:relativeOrbitNumber>
            <safe:cycleNumber>{naming.orbit // 175}</safe:cycleNumber>
            <safe:phaseIdentifier>1</safe:phaseIdentifier>
            <safe:extension>
              <s1:orbitProperties>
                <s1:pass>DESCENDING</s1:pass>
                <s1:ascendingNodeTime>{clock(naming.node_time)}</s1:ascendingNodeTime>
              </s1:orbitProperties>
            </safe:extension>
          </safe:orbitReference>
        </xmlData>
      </metadataWrap>
    </metadataObject>
    <metadataObject ID="generalProductInformation" classification="DESCRIPTION" category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE"\
 textInfo="General Product Information">
        <xmlData>
          <s1sarl1:standAloneProductInformation>
            <s1sarl1:instrumentConfigurationID>7</s1sarl1:instrumentConfigurationID>
            <s1sarl1:missionDataTakeID>{DATA_TAKE}</s1sarl1:missionDataTakeID>
{channels}
            <s1sarl1:productClass>S</s1sarl1:productClass>
            <s1sarl1:productClassDescription>SAR Standard L1 Product\
</s1sarl1:productClassDescription>
            <s1sarl1:productComposition>{"Slice" if images > 1 else "Individual"}\
</s1sarl1:productComposition>
            <s1sarl1:productType>GRD</s1sarl1:productType>
            <s1sarl1:productTimelinessCategory>Fast-24h</s1sarl1:productTimelinessCategory>
            <s1sarl1:sliceProductFlag>{str(images > 1).lower()}</s1sarl1:sliceProductFlag>
            <s1sarl1:segmentStartTime>{clock(naming.start)}</s1sarl1:segmentStartTime>
            <s1sarl1:sliceNumber>{naming.frame.number}</s1sarl1:sliceNumber>
            <s1sarl1:totalSlices>{images}</s1sarl1:totalSlices>
          </s1sarl1:standAloneProductInformation>
        </xmlData>
      </metadataWrap>
    </metadataObject>
    <metadataObject ID="acquisitionPeriod" classification="DESCRIPTION" category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" textInfo="Acquisition Period">
        <xmlData>
          <safe:acquisitionPeriod>
            <safe:startTime>{clock(naming.start)}</safe:startTime>
            <safe:stopTime>{clock(naming.stop)}</safe:stopTime>
            <safe:extension>
              <s1:timeANX>
                <s1:startTimeANX>{since_node:.6e}</s1:startTimeANX>
                <s1:stopTimeANX>{until:.6e}</s1:stopTimeANX>
              </s1:timeANX>
            </safe:extension>
          </safe:acquisitionPeriod>
        </xmlData>
      </metadataWrap>
    </metadataObject>
    <metadataObject ID="measurementFrameSet" classification="DESCRIPTION" category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" textInfo="Frame Set">
        <xmlData>
          <safe:frameSet>
            <safe:frame>
              <safe:footPrint srsName="http://www.opengis.net/gml/srs/epsg.xml#4326">
                <gml:coordinates>{outline}</gml:coordinates>
              </safe:footPrint>
            </safe:frame>
          </safe:frameSet>
        </xmlData>
      </metadataWrap>
    </metadataObject>
  </metadataSection>
  <dataObjectSection>
{objects}
  </dataObjectSection>
</xfdu:XFDU>
"""


def _identifier(file: Listed) -> str:
    return "".join(filter(str.isalnum, Path(file.path).stem))


def _unit(file: Listed) -> str:
    kind = "Measurement Data Unit" if "Measurement" in file.schema else "Metadata Unit"
    return (
        f'      <xfdu:contentUnit unitType="{kind}" repID="{file.schema}">\n'
        f'        <dataObjectPointer dataObjectID="{_identifier(file)}"/>\n'
        "      </xfdu:contentUnit>"
    )


def _data_object(file: Listed) -> str:
    form = "text/xml" if file.path.endswith(".xml") else "application/octet-stream"
    return (
        f'    <dataObject ID="{_identifier(file)}" repID="{file.schema}">\n'
        f'      <byteStream mimeType="{form}" size="{file.size}">\n'
        f'        <fileLocation locatorType="URL" href="./{file.path}"/>\n'
        f'        <checksum checksumName="MD5">{file.digest}</checksum>\n'
        "      </byteStream>\n"
        "    </dataObject>"
    )
