"""What is said of the languages in which users may write."""

from __future__ import annotations

import json
import pickle
import platform

import numpy
import yaml
from openapi_schema_validator import OAS30Validator

from workbench.openeo.udfs import Limits, Runtimes


def test_runtimes_are_those_of_the_api(shared_data):
    text = (shared_data / "openeo" / "openapi.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, yaml.CSafeLoader)
    answer = document["paths"]["/udf_runtimes"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    described = json.loads(json.dumps(Runtimes().described()))
    OAS30Validator({**schema, "components": document["components"]}).validate(described)
    python = described["Python"]
    libraries = python["versions"][python["default"]]["libraries"]
    assert libraries["numpy"]["version"] == numpy.__version__
    assert platform.python_version().startswith(python["default"])


def test_they_can_be_sent_to_workers():
    given = Runtimes(Limits(seconds=3))
    assert pickle.loads(pickle.dumps(given)) == given
    assert Runtimes() != Runtimes(), "each has an owner of its own"
