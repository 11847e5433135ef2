"""Kill parts of a running pipeline at random moments, run the same command again, and look at what it leaves.

    PYTHONPATH=workflow:tests python tests/faults/kills.py --seed 1 --count 100

A pass makes a random part of the results anew and is disturbed at every stage, again and again; at last it is let
through, and every file must have the bytes of the undisturbed run that was made first.  What is killed, how and when
depends on the seed, the pass, the stage and the attempt; how fast the machine is decides the rest.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from damages import DAMAGES, Damage
from disturbed import RUN_TIMEOUT_S, Clone, Run, answered_twice, roles, stage_of

# How many of a stage's attempts are disturbed, and what is killed beside what every stage has.
CHANCES = {
    "build-urn": 0.7,
    "extract-evidence": 0.7,
    "make-model": 0.6,
    "ask": 0.75,
    "train-student": 0.75,
    "predict": 0.7,
}
CHANCE_OF_OTHERS = 0.15
MOST_ATTEMPTS = 6  # of a stage in a pass
OWN_VICTIMS = {
    "build-urn": ["ffmpeg"],
    "extract-evidence": ["ffmpeg"],
    "ask": ["engine", "engine", "server"],
    "train-student": ["rank", "rank", "launcher"],
}
VICTIMS = ["snakemake", "snakemake", "group", "stage", "stage", "wrapper"]
SIGNALS = {
    "snakemake": ["SIGKILL", "SIGTERM", "SIGINT"],
    "group": ["SIGINT", "SIGINT", "SIGHUP", "SIGKILL"],  # Ctrl-C, a closed terminal, a machine short of memory
    "stage": ["SIGKILL", "SIGTERM", "SIGINT"],
    "launcher": ["SIGKILL"],  # of other signals the ranks decide, which the whole group gets
}
OTHER_SIGNALS = ["SIGKILL", "SIGTERM"]
# What must be said; by whom a job's end is told too: `make` and the shell tell of exit codes.
JOB_FAILED = r"Error in rule \w+:"
SERVER_DIED = rf"the server died|the server ended while it started|{JOB_FAILED}"
STOPPED = r"Terminating processes on user request|KeyboardInterrupt|stopped by SIGINT"
MESSAGES = {
    ("snakemake", "SIGTERM"): r"Will exit after finishing currently running jobs",
    ("snakemake", "SIGINT"): STOPPED,
    ("snakemake", "SIGKILL"): r"exit code (137|-9)\b",
    ("group", "SIGKILL"): r"exit code (137|-9)\b",
    ("group", "SIGINT"): STOPPED,
    ("group", "SIGHUP"): r"exit code (129|-1)\b",
    ("engine", "SIGKILL"): SERVER_DIED,
    ("engine", "SIGTERM"): SERVER_DIED,
    ("server", "SIGKILL"): SERVER_DIED,
    ("server", "SIGTERM"): SERVER_DIED,
}
STEPS = [["items"], ["media", "evidence"], ["models"], ["votes", "timings"], ["labels"], ["students"], ["predictions"]]
KEPT_BETWEEN_RUNS = ("journals", "checkpoints")
CHANCE_OF_DAMAGE = 0.35  # after a kill of a stage that has something to damage
NO_MESSAGE = "no message"
WATCH_EVERY_S = 0.2
END_TIMEOUT_S = 300.0


@dataclass
class Fault:
    """What is killed, how, and after which share of its usual time; `since_s`: when it was first seen."""

    stage: str
    victim: str
    signal: str
    share: float
    since_s: float | None = None
    after_s: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.stage}: {self.victim} {self.signal}".rstrip()

    def was_told(self, run: Run) -> bool:
        """Return whether a run's words and exit code say what happened."""
        if self.victim == "rank" and run.code == 0:
            return True  # told to end as it took its last step, which it did
        pattern = MESSAGES.get((self.victim, self.signal), JOB_FAILED)
        return re.search(pattern, f"{run.said}\nexit code {run.code}") is not None


class Harness:
    """A clone with its undisturbed run, and the faults so far."""

    def __init__(self, clone: Clone, seed: int, count: int) -> None:
        """Make the undisturbed run.  Raises SystemExit naming its output when it fails."""
        self.clone, self.seed, self.count = clone, seed, count
        self.lifetimes_s: dict[str, float] = {}
        self.kills: list[Fault] = []
        self.damages: list[Fault] = []
        self.passes = 0
        self.began_s = time.monotonic()
        reference = clone.start()
        _watch(clone, reference, self.lifetimes_s)
        if reference.code != 0:
            raise SystemExit(f"the undisturbed run failed: {reference.file}")
        self.reference = clone.results()
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.lifetimes_s.items())
        _say(f"undisturbed: {time.monotonic() - self.began_s:.0f} s, {len(self.reference)} files; {told}")

    def disturb(self) -> None:
        """Make passes until there were enough kills."""
        while len(self.kills) < self.count:
            self.passes += 1
            random_pass = random.Random(f"{self.seed} {self.passes}")
            self._forget(random_pass)
            self._disturbed_pass()

    def _forget(self, choice: random.Random) -> None:
        """Delete the results from a random step on."""
        results = self.clone.path / "results"
        steps = [step for step in STEPS if (results / step[0]).exists()]
        kept = {name for step in steps[: choice.randrange(len(steps))] for name in step} | {"logs"}
        kept |= {name for name in KEPT_BETWEEN_RUNS if choice.random() < 0.25}
        for path in results.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        _say(f"pass {self.passes}: kept {', '.join(sorted(kept))}")

    def _disturbed_pass(self) -> None:
        kills: list[Fault] = []
        spoiled: list[tuple[Fault, Damage]] = []
        attempts: Counter[str] = Counter()
        said = ""
        while True:
            run = self.clone.start()
            more = len(self.kills) + len(kills) < self.count
            kill = self._until_killed(run, attempts) if more else None
            if kill is None:
                run.process.wait(RUN_TIMEOUT_S)
            else:
                kills.append(kill)
                self._look(kill, run)
            said += run.said
            if kill is None:
                break
            if run.code == 0:  # all was made in spite of it: what only finished results were made of is read no more
                continue
            spoiled += self._spoil(kill.stage, random.Random(f"{self.seed} {self.passes} {len(kills)}"))
        complaint = self._fault_of_end(run)
        for fault, damage in spoiled:
            if not damage.set_aside and not re.search(damage.message, said):
                fault.complaints.append(NO_MESSAGE)
        for fault in [*kills, *(fault for fault, _ in spoiled)]:
            fault.complaints += [complaint] if complaint else []
        self.kills += kills
        self.damages += [fault for fault, _ in spoiled]
        _say(f"pass {self.passes} ended {complaint or 'well'}")

    def _spoil(self, stage: str, choice: random.Random) -> list[tuple[Fault, Damage]]:
        """Perhaps damage what a killed stage has left; where that stops a run, see what it says and does."""
        if stage not in DAMAGES or choice.random() > CHANCE_OF_DAMAGE:
            return []
        damage = choice.choice(DAMAGES[stage])(self.clone.path / "results", choice)
        if damage is None:
            return []
        fault = Fault(stage, damage.name, "", 0.0)
        if damage.set_aside:
            run = self.clone.run()
            if run.code == 0 or not re.search(damage.message, run.said):
                fault.complaints.append(f"{NO_MESSAGE}: {run.file.name}")
            if left := [file.name for file in damage.set_aside if file.exists()]:
                fault.complaints.append(f"not set aside: {', '.join(left)}; {run.file.name}")
        _say(f"    {fault} {'; '.join(fault.complaints)}")
        return [(fault, damage)]

    def _until_killed(self, run: Run, attempts: Counter[str]) -> Fault | None:
        """Watch a run until a fault comes to it; None when it ends before."""
        planned: dict[int, Fault] = {}  # by the process of the stage, or that of all of its ranks
        while run.code is None:
            now_s = time.monotonic()
            found = list(roles(self.clone.processes(), run))
            stages = {_instance(role, process): process for role, process in found if role in ("stage", "rank")}
            for instance, process in stages.items():
                if instance not in planned:
                    stage = stage_of(process) or ""
                    attempts[stage] += 1
                    planned[instance] = self._draw(stage, attempts[stage])
            for instance in stages.keys() & planned.keys():
                fault = planned[instance]
                victims = [process for role, process in found if role == fault.victim]
                if fault.victim == "stage":
                    victims = [stages[instance]]
                if not fault.victim or not (victims or fault.victim == "group"):
                    continue
                fault.since_s = fault.since_s or now_s
                usual = fault.victim if fault.victim in ("engine", "server") else fault.stage
                if now_s - fault.since_s >= fault.share * self.lifetimes_s.get(usual, 1.0):
                    self.before = self.clone.journals()
                    if _kill(fault, run, victims):
                        fault.after_s = now_s - fault.since_s
                        return fault
            time.sleep(WATCH_EVERY_S)
        return None

    def _draw(self, stage: str, attempt: int) -> Fault:
        """Return what happens at an attempt of a stage; a fault without a victim is none."""
        choice = random.Random(f"{self.seed} {self.passes} {stage} {attempt}")
        disturbed = choice.random() < CHANCES.get(stage, CHANCE_OF_OTHERS) and attempt < MOST_ATTEMPTS
        victim = choice.choice(VICTIMS + 2 * OWN_VICTIMS.get(stage, []))
        if victim == "stage" and stage == "train-student":
            victim = "rank"
        name = choice.choice(SIGNALS.get(victim, OTHER_SIGNALS))
        return Fault(stage, victim if disturbed else "", name, choice.random() * 0.95)

    def _look(self, fault: Fault, run: Run) -> None:
        """Wait until a disturbed run has ended, and look at what it leaves."""
        began_s = time.monotonic()
        try:
            run.process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            fault.complaints.append("the run did not end")
        orphans = self.clone.orphans()
        for process in orphans:
            fault.complaints.append(f"left running: {' '.join(process.info['cmdline'])[:150]}")
            process.kill()
        journals = self.clone.journals()
        if any(not journals.get(name, b"").startswith(lines) for name, lines in self.before.items()):
            fault.complaints.append("the journal lost lines")
        if answered_twice(journals):
            fault.complaints.append(f"{answered_twice(journals)} votes were asked again")
        if not fault.was_told(run):
            fault.complaints.append(NO_MESSAGE)
        _say(
            f"{fault} after {fault.after_s:.1f} s; exit code {run.code} after "
            f"{time.monotonic() - began_s:.1f} s; {run.file.name} {'; '.join(fault.complaints) or 'ok'}"
        )

    def _fault_of_end(self, run: Run) -> str:
        """Return what is wrong with the results after the last run of a pass, or nothing."""
        if run.code != 0:
            return f"the same command does not end well: {run.file}"
        if left := self.clone.orphans():
            return f"left running: {left}"
        found = self.clone.results()
        different = [
            name for name in self.reference.keys() | found.keys() if self.reference.get(name) != found.get(name)
        ]
        return f"differ: {', '.join(sorted(different))}" if different else ""

    def tally(self) -> int:
        """Print what was done how often; return how many faults were not survived."""
        faults = self.kills + self.damages
        for words, count in sorted(Counter(str(fault) for fault in faults).items()):
            _say(f"{count:4d} {words}")
        failed = [fault for fault in faults if fault.complaints]
        for fault in failed:
            _say(f"FAILED {fault} after {fault.after_s:.1f} s: {'; '.join(fault.complaints)}")
        minutes = (time.monotonic() - self.began_s) / 60
        _say(f"{len(self.kills)} kills and {len(self.damages)} damages in {self.passes} passes, {minutes:.0f} min")
        _say(f"{len(faults) - len(failed)} passed, {len(failed)} failed")
        return len(failed)


def _instance(role: str, process: psutil.Process) -> int:
    """Return what tells one attempt of a stage from others: its process, or the parent of its ranks."""
    return process.ppid() if role == "rank" else process.pid


def _kill(fault: Fault, run: Run, victims: list[psutil.Process]) -> bool:
    number = getattr(signal, fault.signal)
    try:
        if fault.victim == "group":
            os.killpg(run.process.pid, number)
        else:
            victims[0].send_signal(number)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
    return True


def _watch(clone: Clone, run: Run, lifetimes_s: dict[str, float]) -> None:
    """Watch a run to its end; note for how long each stage, server and engine was seen, in seconds."""
    first: dict[int, float] = {}
    while run.code is None:
        for role, process in roles(clone.processes(), run):
            now_s = time.monotonic()
            name = stage_of(process) or role
            since_s = first.setdefault(process.pid, now_s)
            lifetimes_s[name] = max(lifetimes_s.get(name, 0.0), now_s - since_s)
        time.sleep(WATCH_EVERY_S)


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Disturb, and return 1 when a fault was not survived."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True, help="how many kills")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary directory)")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # whoever starts this in the background has them ignored by all below
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="umui-faults-"))
    directory.mkdir(parents=True, exist_ok=True)
    harness = Harness(Clone(directory), arguments.seed, arguments.count)
    harness.disturb()
    return 1 if harness.tally() else 0


if __name__ == "__main__":
    sys.exit(main())
