"""Where each model of the configuration is, and what the tiny ones are taught with."""

from pathlib import Path

from umui.config.run import Config


def tiny_models(config: Config) -> list[str]:
    """Return the names of the models that the run makes itself."""
    return [name for name, model in config.models.items() if model.tiny]


def made_directory(config: Config, name: str) -> str | None:
    """Return the directory of a model that the run makes; None for a model that is there already."""
    return f"results/models/{name}" if config.models[name].tiny else None


def given_directory(config: Config, name: str) -> str | None:
    """Return the directory that the configuration names for a model; None for one on the hub, or one that is made."""
    path = config.models[name].path
    return path if path and Path(path).is_dir() else None


def place(config: Config, name: str) -> list[str]:
    """Return the words that tell a stage where a model is: a directory or hub name, and its revision if it has one."""
    model = config.models[name]
    where = made_directory(config, name) or model.path
    assert where is not None, "a model is tiny or has a path"
    return [where, "--revision", model.revision] if model.revision else [where]


def prompt_of(config: Config, name: str) -> str:
    """Return the prompt that a tiny model is taught with: that of the first judge or else student that it becomes."""
    of_judges = [judge.prompt for judge in config.judges.values() if judge.model == name]
    of_students = [student.prompt for student in config.students.values() if student.base == name]
    return [*of_judges, *of_students][0]
