"""Which environment the stages of each family run in."""

from pathlib import Path

from umui.config.run import Config
from umui.environments.build import digest

FAMILIES = ("core", "student", "teacher")


def environment_names(config: Config, locks: Path) -> dict[str, str]:
    """Return the name and digest of each family's lock file, below the directory `locks`, by family.

    Raises ValueError when one is not there.
    """
    chosen = {family: locks / f"{getattr(config.environments, family, family)}.txt" for family in FAMILIES}
    for family, lock in chosen.items():
        if not lock.is_file():
            raise ValueError(f"environments.{family}: there is no lock file {lock}; envs/ holds the known ones")
    return {family: f"{lock.stem}-{digest(lock)}" for family, lock in chosen.items()}
