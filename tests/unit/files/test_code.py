"""The digest of a stage's code changes with what the stage reaches, and with nothing else."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from umui.cli import STAGES
from umui.files.code import PACKAGE, Package, code_digest
from umui.files.definitions import STATEMENTS
from umui.files.templates import template_digest

TOY = {
    "__init__": "",
    "room/__init__": "",
    "config/__init__": "",
    "stage": '''"""A stage."""
import room_of_another_package
import toy.dotted
import toy.aliased as other
from toy import attributes
from toy import attributes as renamed
from toy.constants import RATE, FIRST, ALIAS
from toy.decorators import traced
from toy.room.base import Base
from toy.config.section import Section
from toy.settings import Settings
from toy.hints import OnlyAHint
from . import relative
from .room.near import near
if __name__ == "__main__":
    print("started by hand")

class Stage(Base):
    """What runs."""
    count: int = 1
    """How many."""
    def work(self, value: OnlyAHint) -> OnlyAHint:
        # a comment
        local: OnlyAHint = value
        return local

def unused():
    return 1

def run(settings: Settings, section: Section, given=FIRST) -> None:
    """Run it."""
    from toy.lazy import lazily
    lazily(RATE, ALIAS)
    toy.dotted.go()
    other.go(given)
    attributes.used()
    renamed.used_by_another_name()
    relative.go()
    near()
    decorated()
    return Stage().work(1)

@traced
def decorated(value: "Read") -> None:
    pass

class Read:
    field: "InAString"

InAString = int
''',
    "dotted": "def go(): return 1\n",
    "aliased": "def go(given): return 1 if given else given.items\ndef given(): return 2\n",
    "attributes": "def used(): return 1\ndef used_by_another_name(): return 2\ndef bystander(): return 3\n",
    "constants": """from toy.kinds import Kind
RATE = 1
RATE += 2
FIRST, SECOND = 1, 2
ALIAS: Kind = Kind
UNUSED = 4
registered = {}
registered["a"] = 1
try:
    import fast
except ImportError:
    fast = None
""",
    "kinds": "Kind = 'a'\n",
    "decorators": "def traced(function): return function\n",
    "room/base": "from toy.room.root import Root\nclass Base(Root):\n    def inherited(self): return 1\n",
    "room/root": "class Root:\n    def rooted(self): return 1\n",
    "room/near": "def near(): return 1\n",
    "settings": "from toy.kinds import Kind\nclass Settings:\n    kind: 'Part'\nclass Part:\n    size: int = 1\n",
    "hints": "OnlyAHint = int\n",
    "lazy": "def lazily(*values): return 1\n",
    "relative": "def go(): return 1\n",
    "config/section": """from toy.config.base import Checked, Root
from toy.kinds import Kind
Alias = Kind | None
class Section(Root):
    size: Checked = 1
    kind: Alias
    part: "Inner"
    @field_validator("size")
    def _check(self): return "checked"
    @property
    def doubled(self): return 2 * self.size
class Inner(Root):
    def tripled(self): return 3
""",
    "config/base": """def check(): return 1
Checked = Annotated[int, check]
class Root:
    def as_json(self): return 1
""",
}


def written(root: Path, toy: dict[str, str] = TOY) -> Package:
    for name, text in toy.items():
        (root / "toy" / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (root / "toy" / f"{name}.py").write_text(text)
    return Package(root / "toy")


def changes(directory: Path, name: str, old: str, new: str) -> bool:
    """Say whether an edit of the toy package changes what its stage reaches."""
    assert old in TOY[name]
    before = written(directory).counted("stage:run")
    return written(directory, TOY | {name: TOY[name].replace(old, new)}).counted("stage:run") != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("stage", "return Stage().work(1)", "return Stage().work(2)", id="the entry itself"),
        pytest.param("stage", "count: int = 1", "count: float = 1", id="the type of a field"),
        pytest.param("stage", "InAString = int", "InAString = float", id="a type that a decorator may read"),
        pytest.param("stage", "given=FIRST", "given=2", id="a default"),
        pytest.param("dotted", "return 1", "return 2", id="import a.b"),
        pytest.param("aliased", "return 1", "return 2", id="import a.b as c"),
        pytest.param("attributes", "return 1", "return 4", id="from a import module"),
        pytest.param("attributes", "return 2", "return 4", id="from a import module as b"),
        pytest.param("relative", "return 1", "return 2", id="from . import module"),
        pytest.param("room/near", "return 1", "return 2", id="from .a import name"),
        pytest.param("lazy", "return 1", "return 2", id="an import within a function"),
        pytest.param("constants", "RATE = 1", "RATE = 5", id="a constant"),
        pytest.param("constants", "RATE += 2", "RATE += 3", id="what is added to a constant"),
        pytest.param("constants", "SECOND = 1, 2", "SECOND = 3, 2", id="one of two that are bound together"),
        pytest.param("constants", '["a"] = 1', '["a"] = 2', id="a statement that defines nothing"),
        pytest.param("constants", "fast = None", "fast = 1", id="a definition within a statement"),
        pytest.param("kinds", "'a'", "'b'", id="what an alias stands for"),
        pytest.param("decorators", "return function", "return None", id="a decorator"),
        pytest.param("room/base", "return 1", "return 2", id="a base class"),
        pytest.param("room/root", "return 1", "return 2", id="its base class"),
        pytest.param("settings", "size: int = 1", "size: int = 2", id="a field's class, named in a string"),
        pytest.param("config/section", "2 * self", "4 * self", id="a property of settings"),
        pytest.param("config/section", "return 3", "return 4", id="a method of settings within settings"),
        pytest.param("config/base", "def as_json(self): return 1", "def as_json(self): return 2", id="their base's"),
    ],
)
def test_what_is_reached_counts(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert changes(tmp_path, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("stage", "return 1\n", "return 2\n", id="a definition that nothing uses"),
        pytest.param("stage", "def unused", "def added(): pass\n\ndef unused", id="one more of them"),
        pytest.param("stage", "# a comment", "# another", id="a comment"),
        pytest.param("stage", "    lazily(", "\n    lazily(\n", id="layout"),
        pytest.param("stage", '"""A stage."""', "", id="the module's docstring"),
        pytest.param("aliased", "return 2", "return 3", id="a function that an argument is named like"),
        pytest.param("stage", '"""Run it."""', '"""Runs it."""', id="a docstring"),
        pytest.param("stage", '"""How many."""', '"""How much."""', id="the docstring of a field"),
        pytest.param("stage", '"""What runs."""', "", id="no docstring any more"),
        pytest.param("stage", "started by hand", "ended by hand", id="what runs only by hand"),
        pytest.param("stage", "local: OnlyAHint = value", "local = value", id="the type hint of a variable"),
        pytest.param("stage", "value: OnlyAHint", "value: int", id="the type hint of an argument"),
        pytest.param("hints", "int", "float", id="what stands in type hints alone"),
        pytest.param("constants", "UNUSED = 4", "UNUSED = 5", id="a constant that nothing uses"),
        pytest.param("constants", "ALIAS: Kind", "ALIAS: str", id="the type hint of a constant"),
        pytest.param("attributes", "return 3", "return 4", id="another function of the same module"),
        pytest.param(
            "config/section", "size: Checked = 1", "size: Checked = 2\n    new: int = 1", id="a key of settings"
        ),
        pytest.param("config/section", '"checked"', '"as it is"', id="a validator of settings"),
        pytest.param("config/section", "Alias = Kind | None", "Alias = Kind | int | None", id="an alias of settings"),
        pytest.param("config/base", "def check(): return 1", "def check(): return 2", id="what validates a field"),
    ],
)
def test_what_is_not_reached_does_not_count(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert not changes(tmp_path, name, old, new)


def test_the_type_hints_of_an_entry_count(tmp_path: Path) -> None:
    found = written(tmp_path).reached("stage:run")
    assert ("settings", "Settings") in found
    assert ("hints", "OnlyAHint") not in found
    assert ("settings", "Part") not in written(tmp_path).reached("stage:Stage")


def test_what_is_found_by_a_string_is_reached_only_as_an_entry(tmp_path: Path) -> None:
    """Dispatch by strings is the edge that is not followed: without a name of its own, it is not covered."""
    stage = "import importlib\ndef run(kind): return importlib.import_module(f'toy.{kind}').go()\n"
    package = written(tmp_path, {"__init__": "", "stage": stage, "dotted": TOY["dotted"]})
    assert ("dotted", "go") not in package.reached("stage:run")
    assert ("dotted", "go") in package.reached("stage:run", "dotted:go")


def test_a_module_that_is_handed_on_counts_whole(tmp_path: Path) -> None:
    stage = "from toy import attributes\ndef run(name): return getattr(attributes, name)()\n"
    found = written(tmp_path, {"__init__": "", "stage": stage, "attributes": TOY["attributes"]}).reached("stage:run")
    assert {"used", "used_by_another_name", "bystander"} <= {name for _, name in found}


def test_a_star_import_is_an_error(tmp_path: Path) -> None:
    package = written(tmp_path, {"__init__": "", "stage": "from toy.dotted import *\n", "dotted": TOY["dotted"]})
    with pytest.raises(ValueError, match=r"stage\.py, line 1: import \*"):
        package.reached("stage:go")


@pytest.mark.parametrize("entry", ["stage:nothing", "nowhere:run", "stage", "room_of_another_package:run"])
def test_a_missing_entry_is_named(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(entry)}: there is no such definition"):
        written(tmp_path).reached(entry)


def test_statements_count_with_whatever_is_taken_from_their_module(tmp_path: Path) -> None:
    assert ("constants", STATEMENTS) in written(tmp_path).reached("constants:UNUSED")


@pytest.mark.parametrize(
    ("name", "changes"), [("page", True), ("base", True), ("part", True), ("macros", True), ("other", False)]
)
def test_the_digest_of_a_template_covers_what_it_takes_from_others(tmp_path: Path, name: str, changes: bool) -> None:
    for template, text in {
        "page": '{% extends "base.jinja" %}{% from "macros.jinja" import shown %}',
        "base": '{% include "part.jinja" %}',
        "part": "words",
        "macros": "{% macro shown() %}{% endmacro %}",
        "other": '{% extends "base.jinja" %}',
    }.items():
        (tmp_path / f"{template}.jinja").write_text(text)
    before = template_digest(tmp_path, "page")
    (tmp_path / f"{name}.jinja").write_text((tmp_path / f"{name}.jinja").read_text() + "more words")
    assert (template_digest(tmp_path, "page") != before) == changes


def test_a_template_that_is_missing_or_chosen_later_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.jinja").write_text("{% include name %}")
    with pytest.raises(ValueError, match=r"'pgae' is not among the templates .*: page"):
        template_digest(tmp_path, "pgae")
    with pytest.raises(ValueError, match=r"page\.jinja: extends, includes or imports what has no fixed name"):
        template_digest(tmp_path, "page")


KINDS = ("manifest", "unli", "clotho", "wikivideo")
ENTRIES = {
    stage: (entry,) for stage, entry in STAGES.items() if stage != "import-items"
} | {f"import-items {kind}": (STAGES["import-items"], f"datasets.{kind}:pairs") for kind in KINDS}  # fmt: skip


def counted(package: Package) -> dict[str, list[tuple[str, str, str]]]:
    """What counts of each stage."""
    return {stage: package.counted(*entries) for stage, entries in ENTRIES.items()}


@cache
def counted_now() -> dict[str, list[tuple[str, str, str]]]:
    return counted(Package(PACKAGE))


@pytest.mark.parametrize(
    ("module", "old", "new", "stages"),
    [
        pytest.param("tables.py", "", '\nNEW = _table("new", ("a",), ("a", _STRING, "a"))\n', set(), id="a new table"),
        pytest.param("files/parquet.py", "", "\n\ndef new() -> None:\n    pass\n", set(), id="an unused helper"),
        pytest.param("tables.py", '"not_asked"', '"not_asked", "new"', {"ask", "import-votes"}, id="a parse status"),
        pytest.param("votes/aggregation.py", "def aggregate_votes(", "def aggregate_votes(new: int, ", {"aggregate"},
                     id="a stage's own function"),
        pytest.param("datasets/unli.py", '"validation" if kept else "test"', '"test" if kept else "validation"',
                     {"import-items unli"}, id="which split of a data set is ours"),
        pytest.param("config/judges.py", 'description="votes that every item gets"', 'description="first votes"', set(),
                     id="the description of a field"),
        pytest.param("config/students.py", "    base: str\n", "    base: str\n    more: Positive\n", set(),
                     id="a key of the configuration: its value is among the rule's parameters"),
        pytest.param("config/datasets.py", "Dataset = Annotated[Urn |", "Dataset = Annotated[Media | Urn |", set(),
                     id="a kind of data set"),
        pytest.param("arguments.py", "", '\nNew = Annotated[int, "a new argument"]\n', set(), id="a kind of argument"),
    ],
)  # fmt: skip
def test_an_edit_of_the_package_changes_the_digests_of_the_stages_that_it_concerns(
    tmp_path: Path, module: str, old: str, new: str, stages: set[str]
) -> None:
    package = tmp_path / "umui"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (package / module).read_text()
    assert not old or text.count(old) == 1
    (package / module).write_text(text.replace(old, new) if old else text + new)
    before, after = counted_now(), counted(Package(package))
    assert {stage for stage in ENTRIES if after[stage] != before[stage]} == stages


def test_a_rule_depends_on_the_templates_that_it_names_and_on_no_other(tmp_path: Path) -> None:
    package = tmp_path / "umui"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    asked = (
        "from umui.files.code import code_digest as of; "
        "ask, table = 'asking.ask:ask_shards', 'reporting.tables:table'; "
        "print(of(ask, templates=['prompts:scalar-v1']), of(ask, templates=['prompts:binary-v1']), "
        "of(table, templates=['reporting:table7']), of(table, templates=['reporting:table8']))"
    )

    def digests() -> list[str]:
        command = [sys.executable, "-c", asked]
        done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    before = digests()
    assert len(set(before)) == 4
    (package / "prompts/templates/new-v1.jinja").write_text("{% block system %}{% endblock %}")
    assert digests() == before
    for name in ("prompts/templates/binary-v1.jinja", "reporting/templates/table7.jinja"):
        (package / name).write_text((package / name).read_text() + "more words")
    assert [old == new for old, new in zip(before, digests(), strict=True)] == [True, False, False, True]
    with pytest.raises(ValueError, match="'new-v1' is not among the templates"):
        code_digest("asking.ask:ask_shards", templates=["prompts:new-v1"])
