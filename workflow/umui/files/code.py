"""The digest of a stage's code, by which its results are made again when, and only when, it changes.

Snakemake sees neither imported modules nor templates.  A rule that carries this digest among its parameters reruns when
a definition changes that its stage reaches by name, or a template that it fills in.  What is reached in other ways is
named beside the stage's function (docs/decisions/0009-digests-of-definitions.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from umui.files.definitions import STATEMENTS, Dotted, Module, signature_of
from umui.files.digests import digest_json
from umui.files.templates import template_digest

PACKAGE = Path(__file__).parents[1]
DIGITS = 16  # hexadecimal


def code_digest(*entries: str, templates: Sequence[str] = ()) -> str:
    """Return 16 hexadecimal digits that change with the definitions that `entries` reach, and with `templates`.

    An entry is a function or class, as ``room.module:name`` below umui; its type hints count, since the command line
    converts a stage's arguments by them.  A template is ``room:name``, the file ``room/templates/name.jinja``.  Raises
    ValueError when there is no such definition or template.
    """
    definitions = sorted((*name, digest) for name, digest in reached(*entries).items())
    filled = [
        template_digest(_templates(room), name)
        for room, _, name in (template.partition(":") for template in sorted(set(templates)))
    ]
    return digest_json([definitions, filled])[:DIGITS]


def reached(*entries: str) -> dict[tuple[str, str], str]:
    """Return the digest of each definition that `entries` reach, by its module below umui and its name."""
    return _umui().reached(*entries)


def _templates(room: str) -> Path:
    return PACKAGE.joinpath(*room.split("."), "templates")


@cache
def _umui() -> "Package":
    return Package(PACKAGE)


Name = tuple[Dotted, str]
"""A definition's: its module below the package, and its name there."""


class Package:
    """A package's definitions, each read once, when it is reached; `directory` bears the package's name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._modules: dict[Dotted, Module | None] = {}
        self._known: dict[Name, tuple[str, list[Name]]] = {}

    def reached(self, *entries: str) -> dict[tuple[str, str], str]:
        """Return the digest of each definition that `entries` reach, by its module and its name."""
        waiting = [name for entry in entries for name in self._entry(entry)]
        found: dict[tuple[str, str], str] = {}
        while waiting:
            home, name = waiting.pop()
            key = ".".join(home), name
            if key not in found and (known := self._definition(home, name)) is not None:
                found[key], leads_to = known
                waiting += leads_to
        return found

    def _entry(self, entry: str) -> Iterator[Name]:
        """Yield the definition that an entry names, and its signature."""
        module, _, name = entry.partition(":")
        home = tuple(module.split("."))
        if self._module(home) is None or not (found := list(self._meant(home, (name,)))):
            raise ValueError(f"{entry}: there is no such definition in {self._directory}; give MODULE:NAME")
        for home, name in found:
            yield home, name
            yield home, signature_of(name)

    def _meant(
        self, home: Dotted, reference: Dotted, imports: Mapping[str, Sequence[Dotted]] = MappingProxyType({})
    ) -> Iterator[Name]:
        """Yield the definitions that a name may mean in a module, with `imports` of its own beside the module's.

        A module that is used otherwise than for one of its names is meant with all of them.
        """
        module = self._module(home)
        assert module is not None
        name, *attributes = reference
        if name in module.bound:
            yield home, name
        for imported in [*module.imports.get(name, ()), *imports.get(name, ())]:
            yield from self._imported((*imported, *attributes))

    def _imported(self, path: Dotted) -> Iterator[Name]:
        """Yield what a path from the package's root means: a definition of a module, or a module with all it has."""
        for length in range(len(path)):
            if self._module(path[: length + 1]) is None:
                yield from self._meant(path[:length], path[length:])
                return
        module = self._module(path)
        assert module is not None
        yield from ((path, name) for name in module.bound)

    def _definition(self, home: Dotted, name: str) -> tuple[str, list[Name]] | None:
        """Return a definition's digest, and the definitions that it leads to; None where there is none."""
        module = self._module(home)
        if module is None or name not in module.bound:
            return None
        if (home, name) not in self._known:
            found = module.definition(name)
            meant = (self._meant(home, reference, found.imports) for reference in found.references)
            self._known[home, name] = found.digest, [(home, STATEMENTS), *set(chain.from_iterable(meant))]
        return self._known[home, name]

    def _module(self, name: Dotted) -> Module | None:
        """Return a module, or None where there is none of that name."""
        if name not in self._modules:
            path = self._directory.joinpath(*name)
            files = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
            self._modules[name] = Module(files[0], self._directory.name, name) if files else None
        return self._modules[name]
