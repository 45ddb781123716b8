"""Groups that know their commands by name, and load each when it is asked for: nobody
waits for what other commands need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class Commands(MutableMapping[str, click.Command]):
    """By name. where: `file:object` of a command, in this folder."""

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = dict(where)
        self._loaded = dict[str, click.Command]()

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            file, _, thing = self._where[name].partition(":")
            self._loaded[name] = getattr(import_module(f"dialer.cli.{file}"), thing)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        self._where.pop(name, None)
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._where, *self._loaded)))

    def __len__(self) -> int:
        return len({*self._where, *self._loaded})


class LazyGroup(click.Group):
    """`told`: what the help says of a command without loading it: a line of its own."""

    def __init__(
        self, *given: object, where: Mapping[str, tuple[str, str]], **named: object
    ) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.commands = Commands({name: place for name, (place, _) in where.items()})
        self.told = {name: line for name, (_, line) in where.items()}

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            names = self.list_commands(ctx)
            longest = max(map(len, names), default=0)
            room = formatter.width - 6 - longest
            formatter.write_dl([(name, self._line(name, room)) for name in names])

    def _line(self, name: str, room: int) -> str:
        if name in self.told:
            return self.told[name]
        return self.commands[name].get_short_help_str(room)
