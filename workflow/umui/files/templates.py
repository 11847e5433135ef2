"""The digest of a template: of its own words, and of those that it takes from other templates."""

from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError
from jinja2.meta import find_referenced_templates

from umui.files.digests import digest_bytes, digest_json

SUFFIX = ".jinja"


def template_digest(directory: Path, name: str) -> str:
    """Return the sha256 of the template `name`, without suffix, and of what it extends, includes or imports.

    Raises ValueError when one of them is missing, is no template, or is chosen only when it is filled in.
    """
    digests: dict[str, str] = {}
    waiting = [f"{name}{SUFFIX}"]
    while waiting:
        file = directory / waiting.pop()
        if file.name in digests:
            continue
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in directory.glob(f"*{SUFFIX}")))
            raise ValueError(f"{file.stem!r} is not among the templates of {directory}: {known}")
        text = file.read_text(encoding="utf-8")
        digests[file.name] = digest_bytes(text.encode())
        for other in _named_in(file, text):
            if other is None:
                raise ValueError(f"{file}: extends, includes or imports what has no fixed name; write the name out")
            waiting.append(other)
    return digest_json(digests)


def _named_in(file: Path, text: str) -> list[str | None]:
    try:
        return list(find_referenced_templates(Environment(autoescape=False).parse(text)))
    except TemplateSyntaxError as error:
        raise ValueError(f"{file}, line {error.lineno}: {error.message}") from None
