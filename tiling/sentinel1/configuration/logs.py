"""A file beside the products that gets what is logged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from workbench.disks import make_folder, writing

__all__ = ["LOGGERS", "close_log_files", "log_settings", "open_log_file"]

LOGGERS = ("tiling", "workbench")
"""Those whose lines are kept."""

LINE = "%(asctime)s [%(levelname)s] %(name)s - %(message)s"


def log_settings(folder: Path, mode: list[str]) -> dict[str, Any]:
    """Return what `logging.config.dictConfig` would be told of a mode, and set nothing.

    Parameters
    ----------
    folder
        For the file.
    mode
        Words of Processing.mode: ``debug`` lowers the level, ``logging`` asks for a file.
    """
    debug = "debug" in mode
    level = "DEBUG" if debug else "INFO"
    handlers: dict[str, Any] = {}
    if "logging" in mode:
        name = f"S1Processor{'.debug' if debug else ''}.log"
        handlers["file"] = {
            "class": "logging.FileHandler",
            "filename": str(folder / name),
            "formatter": "line",
            "level": level,
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": LINE}},
        "handlers": handlers,
        "loggers": {name: {"level": level, "handlers": list(handlers)} for name in LOGGERS},
    }


def open_log_file(settings: dict[str, Any]) -> dict[str, int]:
    """Set the levels of `log_settings`, and add its file to the loggers once.

    Handlers that others have added are left alone, which `dictConfig` would close.

    Returns
    -------
    dict
        Former levels by logger, for `close_log_files`.

    Raises
    ------
    NotWritten
        If the file cannot be made.
    """
    former = {name: logging.getLogger(name).level for name in settings["loggers"]}
    for name, wanted in settings["loggers"].items():
        logger = logging.getLogger(name)
        level = logging.getLevelNamesMapping()[wanted["level"]]
        if level < logger.getEffectiveLevel():
            logger.setLevel(level)
    file = settings["handlers"].get("file")
    if file is None or _ours(file["filename"]):
        return former
    path = Path(file["filename"])
    make_folder(path.parent)
    with writing(path):
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(settings["formatters"]["line"]["format"]))
    handler.setLevel(file["level"])
    for name in settings["loggers"]:
        logging.getLogger(name).addHandler(handler)
    return former


def close_log_files(settings: dict[str, Any], former: dict[str, int]) -> None:
    """Give the loggers their former levels, take the file from them, and close it."""
    for name, level in former.items():
        logging.getLogger(name).setLevel(level)
    file = settings["handlers"].get("file")
    handler = None if file is None else _ours(file["filename"])
    if handler is None:
        return
    for name in settings["loggers"]:
        logging.getLogger(name).removeHandler(handler)
    handler.close()


def _ours(filename: str) -> logging.FileHandler | None:
    """Return the handler that writes to a file already."""
    path = str(Path(filename).absolute())
    for handler in logging.getLogger(LOGGERS[0]).handlers:
        if isinstance(handler, logging.FileHandler) and handler.baseFilename == path:
            return handler
    return None
