from __future__ import annotations

import click
import pytest
from distributed.core import error_message
from distributed.protocol.pickle import loads

from workbench.errors import (
    BadFile,
    NoCluster,
    OutputExists,
    UnknownParameter,
    UserError,
    WorkbenchError,
    is_user_error,
    portable_errors,
)


class ForeignError(Exception):
    exit_code = 4


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (OutputExists("x"), FileExistsError, 1),
        (UnknownParameter("x"), ValueError, 2),
        (NoCluster("x"), WorkbenchError, 1),
        (ForeignError("x"), ForeignError, 4),
        (click.UsageError("x"), click.ClickException, 2),
    ],
)
def test_user_errors_say_how_to_leave(error, kind, code):
    assert isinstance(error, kind)
    assert is_user_error(error)
    assert isinstance(error, UserError)
    assert error.exit_code == code
    assert str(error) == "x"


def test_defects_are_not_user_errors():
    assert not is_user_error(KeyError("x"))
    assert not is_user_error(FileExistsError("x"))


class Unpickled(Exception):
    """As GDAL's: its arguments cannot be set."""

    @property
    def args(self):
        return (3, "IReadBlock failed")


def raised():
    try:
        try:
            try:
                raise Unpickled
            except Unpickled as error:
                raise OSError("read failed") from error
        except OSError as error:
            raise BadFile("x.tif: cannot read band 1") from error
    except BadFile as error:
        return error


def arrived(error):
    return loads(error_message(error)["exception"].data)


def test_an_error_travels_without_those_behind_it_that_cannot():
    assert type(arrived(raised())) is Exception
    with pytest.raises(BadFile) as found, portable_errors():
        raise raised()
    there = arrived(found.value)
    assert (type(there), str(there)) == (BadFile, "x.tif: cannot read band 1")
    assert (type(there.__cause__), str(there.__cause__)) == (OSError, "read failed")
    assert there.__cause__.__cause__ is None


def test_an_error_that_never_travels_stays_as_it_is():
    error = Unpickled()
    with pytest.raises(Unpickled) as found, portable_errors():
        raise error
    assert found.value is error
