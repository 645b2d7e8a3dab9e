"""Doors of rooms whose names load their module on first use, so that a command imports what it needs alone."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(room: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a room, from the module of each of its names."""

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module '{room}' has no attribute '{name}'")
        found = getattr(import_module(f"{room}.{modules[name]}"), name)
        if name in modules.values():  # the module of this name would stand before it
            setattr(sys.modules[room], name, found)
        return found

    return get
