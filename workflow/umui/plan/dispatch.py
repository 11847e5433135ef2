"""What a stage finds by a name in the configuration: definitions and templates, which its code's digest is told of."""

from umui.config.run import Config
from umui.prompts.rendering import check_template


def adapter(config: Config, dataset: str) -> str:
    """Return the entry of the adapter that reads a data set of this kind."""
    return f"datasets.{config.datasets[dataset].kind}:pairs"


def head(config: Config, student: str) -> str:
    """Return the entry of a student's read-out."""
    return f"students.heads.{config.students[student].read_out}:HEAD"


def prompts(*names: str) -> tuple[str, ...]:
    """Return the templates of prompts."""
    return tuple(f"prompts:{name}" for name in names)


def check_prompts(config: Config) -> None:
    """Raise ValueError, which names the key, when a prompt has no template, or one that cannot be used."""
    for section in ("teachers", "baselines", "students"):
        for name, entry in getattr(config, section).items():
            try:
                check_template(entry.prompt)
            except ValueError as error:
                raise ValueError(f"{section}.{name}.{error}") from None
