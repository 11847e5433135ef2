"""Look at a media file from anywhere, without trust, before anything decodes it.

The file must be a regular one.  Its first bytes, never its name, say which demuxer may open it; playlists and scripts,
which make libav open other files or addresses, are not among them.  Container and stream headers are then read in this
process by PyAV, which may open nothing but this file; pictures and sounds are decoded only by ffmpeg, in a process of
its own with limits (extraction.py).
"""

import re
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.stream import Disposition

from umui.config.models import Media
from umui.processes.private_result import keep_private
from umui.tables import MediaStatus

SIGNATURE_BYTES = 200
SIGNATURES = (  # demuxer, first bytes
    ("mov", rb".{4}(ftyp|moov|mdat|free|skip|wide)"),
    ("matroska", rb"\x1a\x45\xdf\xa3"),  # and WebM
    ("avi", rb"RIFF.{4}AVI "),
    ("wav", rb"(RIFF|RF64).{4}WAVE"),
    ("flac", rb"fLaC"),
    ("ogg", rb"OggS"),
    ("aiff", rb"FORM.{4}AIF[FC]"),
    ("flv", rb"FLV\x01"),
    ("asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # WMV, WMA
    ("mpegts", rb"\x47.{187}\x47"),
    ("mpeg", rb"\x00\x00\x01\xba"),
    ("mp3", rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
    ("aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
)


WITHOUT_DURATION = {"mp3", "aac", "mpeg", "mpegts"}  # libav guesses it from the bit rate; a guess is no claim


@dataclass(frozen=True)
class Stream:
    """One stream of a file: its index there, and its duration in seconds, null when the file does not say it."""

    index: int
    duration_s: float | None


@dataclass(frozen=True)
class Probe:
    """What a file's headers say; `status` is ok when it may be decoded.  Null is what they do not say."""

    status: MediaStatus = "ok"
    reason: str = ""
    demuxer: str = ""
    duration_s: float | None = None
    fps: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    sample_rate_hz: int | None = None
    pictures: Stream | None = None
    sound: Stream | None = None


def probe(path: Path, settings: Media) -> Probe:
    """Read the headers of the file at `path` and hold them against the limits of `settings`.

    Never raises for what is in the file: it becomes a status and a reason with the value and the limit.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Probe("unsupported", f"{path} is no regular file")
        with path.open("rb") as file:
            start = file.read(SIGNATURE_BYTES)
    except OSError as error:
        return Probe("missing", f"{path}: {error.strerror}")
    if not start:
        return Probe("corrupt", "the file is empty")
    demuxer = next((name for name, pattern in SIGNATURES if re.match(pattern, start, re.DOTALL)), None)
    if demuxer is None:
        return Probe("unsupported", "the file does not begin like any known container of sound or pictures")
    options = {"protocol_whitelist": "file"}
    began = time.monotonic()
    try:
        with av.open(f"file:{path}", format=demuxer, options=options, timeout=settings.timeout_s) as container:
            return _within_limits(_described(container, demuxer), len(container.streams), settings)
    except av.FFmpegError as error:
        if time.monotonic() - began >= settings.timeout_s:  # some demuxers tell an end of time as damage
            keep_private(f"the headers of {path} were not read in {settings.timeout_s:g} s")
            return Probe("unsupported", f"the headers were not read in {settings.timeout_s:g} s, the limit", demuxer)
        return Probe("corrupt", f"the headers cannot be read: {error.strerror}", demuxer)


def _described(container: av.container.InputContainer, demuxer: str) -> Probe:
    """Return the headers' claims about the first pictures that move and the first sound."""
    found = Probe(demuxer=demuxer)
    if container.duration and demuxer not in WITHOUT_DURATION:
        found = replace(found, duration_s=container.duration / av.time_base)
    streams = container.streams
    moving = [s for s in streams.video if s.codec_context and not s.disposition & Disposition.attached_pic]
    if moving:
        video = moving[0]
        found = replace(
            found,
            fps=float(video.average_rate) if video.average_rate else None,
            width_px=video.codec_context.width,
            height_px=video.codec_context.height,
            pictures=_stream(video, demuxer),
        )
    heard = [s for s in streams.audio if s.codec_context]
    if heard:
        audio = heard[0]
        sample_rate_hz = audio.codec_context.sample_rate or None
        found = replace(found, sample_rate_hz=sample_rate_hz, sound=_stream(audio, demuxer))
    return found


def _stream(stream: av.stream.Stream, demuxer: str) -> Stream:
    if demuxer in WITHOUT_DURATION or not (stream.duration and stream.time_base):
        return Stream(stream.index, None)
    return Stream(stream.index, float(stream.duration * stream.time_base))


def _within_limits(found: Probe, streams: int, settings: Media) -> Probe:
    claims = [found.duration_s, *(stream.duration_s for stream in (found.pictures, found.sound) if stream)]
    longest_s = max((claim for claim in claims if claim), default=0.0)
    pixels = (found.width_px or 0) * (found.height_px or 0)
    if streams > settings.max_streams:
        return replace(found, status="unsupported", reason=f"{streams} streams, the limit is {settings.max_streams}")
    if pixels > settings.max_pixels:
        return replace(found, status="unsupported", reason=f"{pixels} pixels, the limit is {settings.max_pixels}")
    if longest_s > settings.max_duration_s:
        return replace(found, status="too_long", reason=f"{longest_s:g} s, the limit is {settings.max_duration_s:g} s")
    if not (found.pictures or found.sound):
        return replace(found, status="unsupported", reason="neither moving pictures nor sound that can be decoded")
    return found
