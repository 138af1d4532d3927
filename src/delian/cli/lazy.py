"""A group of commands whose files are imported when they are called, and not before."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Lazy(click.Group):
    """A Click group over modules.

    Args:
        modules: Name of a command to the module that holds it as ``command``, or to
            ``module:name`` where it holds several.
    """

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, those of other modules last."""
        return [*super().list_commands(ctx), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._modules[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name or "command", None)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._modules[cmd_name]} has no command")
        return command
