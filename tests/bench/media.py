"""Extraction of evidence against plain ffmpeg on the same files: all cores, and one file after the other.

    PYTHONPATH=workflow python tests/bench/media.py

ours        the stage itself: digests, probing, limits, one decode of a file for frames and sound, the evidence table
xargs       a command line as one writes it by hand: `xargs -P CORES` over ffmpeg, the same pictures and sound to files
one by one  a script with ffmpeg-python: frames, then sound, of a file after the other
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg
import yaml
from bench import Row, compared, machine, parser, record

from umui.config.models import Media
from umui.files.digests import digest_file
from umui.files.parquet import write_table
from umui.media.extraction import extract_shard
from umui.processes import ffmpeg as ffmpeg_process
from umui.tables import ITEMS

Way = Callable[[], object]
CORES = len(os.sched_getaffinity(0))
CASES = {  # picture, frames a second, seconds, files
    "720p": ("1280x720", 25, 8, 6),
    "240p": ("426x240", 25, 4, 48),
    "112px": ("112x112", 25, 2, 96),
}
SCALED = "scale={0}:{0}:flags=bicubic+accurate_rnd+bitexact,format=yuvj444p"


def clip(path: Path, size: str, rate_hz: int, duration_s: int, number: int) -> Path:
    """Write a film of moving shapes and a tone, another for each number."""
    ffmpeg_process.run([
        *ffmpeg_process.command(ffmpeg_process.binary()),
        "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate_hz}:duration={duration_s}",
        "-f", "lavfi", "-i", f"sine=frequency={300 + number}:sample_rate=44100:duration={duration_s}",
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path),
    ])  # fmt: skip
    return path


def items_of(clips: list[Path], path: Path) -> Path:
    """Write items that show each clip whole."""
    rows = [
        {
            "item_id": f"bench/{number:03d}#0", "dataset": "bench", "split": "test", "event": "bench/e",
            "premise_id": f"bench/{number:03d}", "modality": "audiovisual", "premise_text": None,
            "media_id": digest_file(clip), "media_path": str(clip), "hypothesis": "A tone is heard.", "label": None,
            "probability": None, "annotations": None,
        }
        for number, clip in enumerate(clips)
    ]  # fmt: skip
    write_table(path, ITEMS, rows)
    return path


def by_stage(settings: Media, items: Path, output: Path) -> None:
    """Extract as the workflow does."""
    extract_shard(settings, [items], 0, 1, output / "media.parquet", output / "evidence.parquet", CORES)


def by_xargs(settings: Media, clips: list[Path], output: Path, threads: str = "0") -> None:
    """Run one ffmpeg a file, as many at a time as there are cores; with 0 threads ffmpeg chooses their number."""
    pictures = f"fps={settings.frame_rate_hz},{SCALED.format(settings.frame_size_px)}"
    command = [
        "xargs", "-P", str(CORES), "-I", "{}", ffmpeg_process.binary(), "-nostdin", "-loglevel", "error", "-y",
        "-filter_threads", threads, "-threads", threads, "-i", "{}.mp4",
        "-map", "0:v", "-vf", pictures, "-q:v", str(settings.jpeg_quality), "-threads", threads, "{}-%04d.jpg",
        "-map", "0:a", "-ar", str(settings.sample_rate_hz), "-ac", "1", "{}.flac",
    ]  # fmt: skip
    names = "\n".join(str(output / clip.stem) for clip in clips)
    subprocess.run(command, input=names.encode(), check=True)


def by_script(settings: Media, clips: list[Path], output: Path) -> None:
    """Run two ffmpegs a file, one after the other."""
    run = partial(ffmpeg.run, cmd=ffmpeg_process.binary(), quiet=True, overwrite_output=True)
    for clip in clips:
        pictures = f"fps={settings.frame_rate_hz},{SCALED.format(settings.frame_size_px)}"
        quality = {"q:v": settings.jpeg_quality, "vf": pictures}
        run(ffmpeg.input(str(clip)).video.output(str(output / f"{clip.stem}-%04d.jpg"), **quality))
        run(ffmpeg.input(str(clip)).audio.output(str(output / f"{clip.stem}.flac"), ar=settings.sample_rate_hz, ac=1))


def measure(case: str, settings: Media, repeats: int) -> list[Row]:
    """Compare ours with both other ways on new files."""
    size, rate_hz, duration_s, files = CASES[case]
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        output = Path(directory)
        clips = [clip(output / f"{number:03d}.mp4", size, rate_hz, duration_s, number) for number in range(files)]
        items = items_of(clips, output / "items.parquet")
        name = f"picture={case},length_s={duration_s},files={files},cores={CORES}"
        ours = partial(by_stage, settings, items, output)
        others = {
            f"xargs -P {CORES} ffmpeg": by_xargs,
            f"xargs -P {CORES} ffmpeg -threads 1": partial(by_xargs, threads="1"),
            "ffmpeg-python, one by one": by_script,
        }
        return [
            row for other, way in others.items()
            for row in both(name, ours, partial(way, settings, clips, output), repeats, other)
        ]  # fmt: skip


def both(name: str, ours: Way, other: Way, repeats: int, other_name: str) -> Iterator[Row]:
    """Compare times, and the processor's time, which what else runs on the machine hardly changes."""
    ours(), other()  # one round that does not count
    pairs = [(spent(ours), spent(other)) for _ in range(repeats)]
    for number, unit in enumerate(("s", "CPU s")):
        yield compared("media", name, unit, [(a[number], b[number]) for a, b in pairs], other_name)


def spent(way: Way) -> tuple[float, float]:
    """Return the seconds that a call takes, and the processor's seconds of it and of its children."""
    before = os.times()
    way()
    after = os.times()
    return after.elapsed - before.elapsed, sum(after[:4]) - sum(before[:4])


def main() -> None:
    """Measure all cases, with the settings of config.yaml."""
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    chosen = arguments.parse_args()
    root = Path(__file__).parents[2]
    settings = Media.model_validate(yaml.safe_load((root / "config.yaml").read_text())["media"])
    print(f"{machine()}, ffmpeg {ffmpeg_process.version(ffmpeg_process.binary())}")
    record(chosen.output, [row for case in chosen.cases for row in measure(case, settings, chosen.repeats)])


if __name__ == "__main__":
    main()
