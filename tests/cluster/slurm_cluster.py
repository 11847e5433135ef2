"""A throw-away SLURM cluster on this machine: two nodes of eight CPUs and four GPUs, all of them pretended.

    python slurm_cluster.py up DIRECTORY      python slurm_cluster.py down DIRECTORY

Needs root and Debian's slurm-wlm (22.05, which takes several node daemons on one machine) and munge.  Everything lives
in DIRECTORY but for links in /etc/slurm: the executor plugin strips SLURM_CONF from its jobs.  Only the processes that
were started here are ended.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NODES, CPUS, GPUS, MEMORY_MB = 2, 8, 4, 16_000
NULL_DEVICE = os.makedev(1, 3)
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
SITE = Path("/etc/slurm")
SETTINGS = """
ClusterName=toy
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=26817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits for as long as its first run's credential could be used: two minutes by default.
AuthInfo=cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={directory}/state
SlurmctldPidFile={directory}/slurmctld.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdSpoolDir={directory}/spool.%n
SlurmdPidFile={directory}/slurmd.%n.pid
SlurmdLogFile={directory}/slurmd.%n.log
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=5
MpiDefault=none
ReturnToService=2
MinJobAge=86400
KillWait=10
GresTypes=gpu
JobAcctGatherFrequency=2
AccountingStorageType=accounting_storage/none
PartitionName=cpu Nodes=n[1-{nodes}] Default=YES MaxTime=60 DefMemPerCPU=200 State=UP
PartitionName=gpu Nodes=n[1-{nodes}] MaxTime=60 DefMemPerCPU=200 State=UP
"""
# Memory is limited by control groups where they are of version 1, else by polling (a job beyond it is FAILED then).
LIMITED_BY_GROUPS = """
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/cgroup
"""
GROUPS = """
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainRAMSpace=yes
"""
LIMITED_BY_POLLING = """
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill,UsePss
"""


def missing() -> str | None:
    """Return why there can be no cluster here, or None."""
    absent = [name for name in ("slurmctld", "slurmd", "munged", "setpriv") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)}: not there; apt-get install slurm-wlm munge"
    if (settings := SITE / "slurm.conf").exists():
        left_by = settings.resolve().parent
        return f"{settings} is there: this machine's own cluster, or a killed test's (slurm_cluster.py down {left_by})"
    return None if os.geteuid() == 0 else "a cluster's daemons need root"


def up(directory: Path) -> None:
    """Start the cluster's daemons and wait until all nodes are idle; raises TimeoutError when they are not."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pids").touch()
    _write_settings(directory)
    if not MUNGE_SOCKET.exists() or not _works("munge", "-n"):
        _start_munge(directory)
    _launch(directory, "slurmctld", "-D", "-c", "-f", str(directory / "slurm.conf"))
    for node in range(1, NODES + 1):
        (directory / f"spool.n{node}").mkdir(exist_ok=True)
        _launch(directory, "slurmd", "-D", "-N", f"n{node}", "-f", str(directory / "slurm.conf"))
    _wait(lambda: _said("sinfo", "-h", "-N", "-t", "idle", "-p", "cpu").count("\n") == NODES, "the nodes")


def down(directory: Path) -> None:
    """End all jobs, then the daemons that `up` started."""
    if _works("scancel", "--user=root"):
        _wait(lambda: not _said("squeue", "-h", "-t", "running,completing"), "the end of all jobs")
    started = [line.split() for line in (directory / "pids").read_text().splitlines()]
    for pid, name in reversed(started):
        if _runs(int(pid), name):
            os.kill(int(pid), signal.SIGTERM)
    _wait(lambda: not any(_runs(int(pid), name) for pid, name in started), "the end of the daemons")
    for name in ("slurm", "gres", "cgroup"):
        (SITE / f"{name}.conf").unlink(missing_ok=True)


def _write_settings(directory: Path) -> None:
    by_groups = Path("/sys/fs/cgroup/memory").is_dir()
    limits = LIMITED_BY_GROUPS if by_groups else LIMITED_BY_POLLING
    settings = SETTINGS.format(directory=directory, nodes=NODES) + limits
    resources = ""
    for node in range(1, NODES + 1):
        settings += (
            f"NodeName=n{node} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={26900 + node} CPUs={CPUS} "
            f"RealMemory={MEMORY_MB} Gres=gpu:h200:{GPUS} State=UNKNOWN\n"
        )
        for gpu in range(GPUS):
            device = directory / f"gpu{node}-{gpu}"
            if not device.exists():
                os.mknod(device, 0o666 | 0o020000, NULL_DEVICE)
            resources += f"NodeName=n{node} Name=gpu Type=h200 File={device}\n"
    # Partitions come after the nodes that they name.
    lines = settings.splitlines()
    lines.sort(key=lambda line: line.startswith("PartitionName"))
    for name, text in (("slurm", "\n".join(lines)), ("gres", resources), ("cgroup", GROUPS if by_groups else "")):
        (directory / f"{name}.conf").write_text(text + "\n")
        (SITE / f"{name}.conf").unlink(missing_ok=True)
        (SITE / f"{name}.conf").symlink_to(directory / f"{name}.conf")


def _start_munge(directory: Path) -> None:
    if not Path("/etc/munge/munge.key").exists():
        subprocess.run(["mungekey", "--create"], check=True)
    user, place = pwd.getpwnam("munge"), MUNGE_SOCKET.parent  # which has to be open to that user
    place.mkdir(exist_ok=True)
    os.chown(place, user.pw_uid, user.pw_gid)
    place.chmod(0o755)
    own = [f"--{what}={place}/toy-{what}" for what in ("pid-file", "log-file", "seed-file")]
    as_munge = ["--reuid", "munge", "--regid", "munge", "--clear-groups"]
    _launch(directory, "setpriv", *as_munge, "munged", "-F", "--force", f"--socket={MUNGE_SOCKET}", *own)
    _wait(lambda: _works("munge", "-n"), "munge")


def _launch(directory: Path, *command: str) -> None:
    with (directory / "daemons.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    name = "munged" if "munged" in command else command[0]
    with (directory / "pids").open("a") as pids:
        pids.write(f"{process.pid} {name}\n")


def _runs(pid: int, name: str) -> bool:
    """Say whether a process still runs and is still the one that was started."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]](Path(sys.argv[2]).absolute())
