"""The journal keeps every whole answer, whatever became of the process that wrote it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hostile.journals import mangled

from umui.asking.journal import Answer, Journal, kept_digests

WANTED = {"a", "b", "c"}


def answer(digest: str, text: str = "<answer>0.5</answer>", error: str | None = None) -> Answer:
    return Answer(digest, f"item-{digest}", 0, asked_at_s=1.5, latency_s=0.25, text=text, error=error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal" / "0000-of-0001.jsonl"
    with Journal(path, WANTED) as journal:
        journal.append([answer("a"), answer("b", "zwei\nZeilen \u2028 und \U0001f3b2")])
    return path


def reopened(path: Path) -> dict[str, Answer]:
    with Journal(path, WANTED) as journal:
        return dict(journal.answers)


def test_answers_come_back_as_they_were(path: Path) -> None:
    assert reopened(path) == {"a": answer("a"), "b": answer("b", "zwei\nZeilen \u2028 und \U0001f3b2")}


@pytest.mark.parametrize("kept", [1, 40, -2, -1])
def test_a_torn_last_line_is_cut_off_and_the_next_answer_is_whole(
    path: Path, kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    with Journal(path, WANTED) as journal:
        assert journal.answers == {"a": answer("a")}
        journal.append([answer("c")])
    assert "torn last line" in capsys.readouterr().err
    assert reopened(path) == {"a": answer("a"), "c": answer("c")}


@pytest.mark.parametrize("last", [b"\0" * 512, b"\0" * 100 + b"\n", b'{"vote": 1}\n'])
def test_a_last_line_that_is_no_answer_is_cut_off(path: Path, last: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that goes down may leave a line of zeros."""
    whole = path.read_bytes()
    path.write_bytes(whole + last)
    assert reopened(path).keys() == {"a", "b"}
    assert path.read_bytes() == whole
    assert f"cut off a torn last line of {len(last)} bytes" in capsys.readouterr().err


def test_a_full_disk_leaves_the_journal_whole(path: Path) -> None:
    """The file may not grow further, in the middle of a line; the answers after it are those before."""
    before = path.read_bytes()
    program = (
        "import pathlib, resource, signal, sys; from umui.asking.journal import Answer, Journal\n"
        "path = pathlib.Path(sys.argv[1]); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40,) * 2)\n"
        "with Journal(path, {'c'}) as journal:\n"
        "    for _ in range(2):\n"
        "        try: journal.append([Answer('c', 'item', 0, 1.0, 1.0)])\n"
        "        except OSError as error: print(error, len(journal.answers))\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    said = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, env=environment)
    assert said.stdout == 2 * f"[Errno 27] File too large: '{path}' 0\n", said.stderr
    assert path.read_bytes() == before


def test_errors_are_not_final_and_do_not_displace_answers(path: Path) -> None:
    with Journal(path, WANTED) as journal:
        journal.append([answer("c", "", error="500: no"), answer("a", "", error="500: no")])
        assert journal.answers.keys() == {"a", "b"}
    assert reopened(path).keys() == {"a", "b"}


def test_answers_to_other_requests_stay_in_the_file_but_are_not_used(path: Path) -> None:
    before = path.read_bytes()
    with Journal(path, {"b"}) as journal:
        assert journal.answers.keys() == {"b"}
    assert path.read_bytes() == before


def test_a_damaged_line_before_the_last_is_named_and_asked_again(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b'{"vote": 1}\n' + first.replace(b'"latency_s": 0.25', b'"latency_s": "0.25"') + second)
    with Journal(path, WANTED) as journal:
        assert journal.answers.keys() == {"b"}
        journal.append([answer("a")])
    told = capsys.readouterr().err
    assert f"{path}: line 1 is not an answer (request_digest: Field required); what it answered is asked again" in told
    assert f"{path}: line 2 is not an answer (latency_s: Input should be a valid number)" in told
    assert reopened(path) == {"a": answer("a"), "b": answer("b", "zwei\nZeilen \u2028 und \U0001f3b2")}


@pytest.mark.parametrize("seed", range(60))
def test_a_poisoned_line_costs_its_own_answer_alone(path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(mangled(first, seed) + second)
    assert reopened(path).keys() == kept_digests(path) == {"b"}
    assert "line 1 is not an answer" in capsys.readouterr().err


def test_a_second_process_is_turned_away_until_the_first_is_done(path: Path) -> None:
    program = "import sys, pathlib, umui.asking.journal as j; j.Journal(pathlib.Path(sys.argv[1]), set())"
    second = [sys.executable, "-c", program, str(path)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with Journal(path, WANTED):
        turned_away = subprocess.run(second, capture_output=True, text=True, env=environment)
    assert f"{path}: another job is writing this journal" in turned_away.stderr
    assert subprocess.run(second, env=environment).returncode == 0
