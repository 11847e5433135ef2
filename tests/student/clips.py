"""Clips and recordings made with ffmpeg."""

import subprocess
from pathlib import Path

from umui.processes import ffmpeg as ffmpeg_process

PICTURES = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")


def make(path: Path, *arguments: str) -> Path:
    command = [ffmpeg_process.binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True)
    return path
