from __future__ import annotations

import click
import pytest

from workbench.errors import (
    NoCluster,
    OutputExists,
    UnknownParameter,
    UserError,
    WorkbenchError,
    is_user_error,
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
