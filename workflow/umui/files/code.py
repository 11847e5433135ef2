"""The digest of a stage's code, by which its results are made again when, and only when, it changes."""

import ast
import importlib.util
from pathlib import Path

from umui.files.digests import digest_bytes, digest_file

PACKAGE = Path(__file__).parents[1]


def source_digest(module: str) -> str:
    """Return 16 hexadecimal digits that change with the code of `module` or of any umui module that it imports.

    Snakemake sees neither imported modules nor templates; a rule that carries this digest among its parameters reruns
    when, and only when, its own code changes.  Templates (``*.jinja``) beside a module in the closure count as code.
    """
    files = sorted(_import_closure(module))
    templates = sorted({template for file in files for template in file.parent.glob("*.jinja")})
    parts = [f"{file.relative_to(PACKAGE)}:{_code_digest(file)}" for file in [*files, *templates]]
    return digest_bytes("\n".join(parts).encode())[:16]


def _code_digest(file: Path) -> str:
    """Comments and layout do not count: the syntax tree of a Python file is what is digested."""
    if file.suffix == ".py":
        return digest_bytes(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest_file(file)


# The configuration is left out: what it can change reaches a stage as its
# settings.
NOT_CODE = "umui.config"


def _import_closure(module: str, seen: set[Path] | None = None) -> set[Path]:
    seen = set() if seen is None else seen
    if module.startswith(NOT_CODE):
        return seen
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or Path(spec.origin) in seen:
        return seen
    seen.add(Path(spec.origin))
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("umui"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in [node.module, *names]:
                if _is_module(name):
                    _import_closure(name, seen)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("umui"):
                    _import_closure(alias.name, seen)
    return seen


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()
