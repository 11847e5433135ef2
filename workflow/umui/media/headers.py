"""Read the headers of one media file at a time, in a process of its own: `python -m umui.media.headers`.

libav takes what memory and time a header asks for, decodes pictures to learn about them, and fails in ways of its own.
So this runs as a worker (processes/worker.py) under limits, and only probing.py asks it.
"""

import errno
import os
import re
import resource
import stat
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
from av.stream import Disposition

from umui.media.wholeness import missing
from umui.processes.worker import questions, say

if TYPE_CHECKING:  # it would load pyarrow, which nothing here needs
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
)
# What may open a file, once libav has found by its content what it is.  Each opens no other file and no address, and
# shows sound or pictures that move: no playlists, scripts, subtitles, and no single pictures.
DEMUXERS = (
    *(name for name, _ in SIGNATURES),
    *("mpegts", "mpeg", "mp3", "aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "au", "caf", "w64", "nistsphere"),
    *("gif", "apng", "ape", "tta", "wv", "ivf", "mxf"),
)
TAG = re.compile(rb"ID3[\x02-\x04].[\x00-\xff]([\x00-\x7f]{4})", re.DOTALL)
TAG_BYTES = 10  # its header, and its footer where it has one
MOST_TAGS = 16
LENGTH_IN_HEADERS = {"mov", "matroska", "avi", "wav", "flac", "ogg", "aiff", "flv", "asf", "au", "caf", "w64", "ivf"}
"""Whose headers say how long they are; elsewhere libav guesses it from the bit rate, and a guess is no claim."""
ENDS_ON_THE_CLOCK = {"matroska", "asf"}
"""Whose length is where their clock ends; it need not begin at 0."""
BESIDES = (
    Disposition.comment
    | Disposition.karaoke
    | Disposition.lyrics
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.clean_effects
    | Disposition.dependent
    | Disposition.non_diegetic
)
"""Streams that stand beside the main one: commentary, descriptions for the blind, and the like."""
MANY_SAMPLES = 1_000_000  # in a stream: of fewer, edits may leave out all
STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


@dataclass(frozen=True)
class Stream:
    """One stream of a file: its index there, and its duration in seconds, null when the file does not say it."""

    index: int
    duration_s: float | None
    channels_alike: int = 0  # how many channels a sound has that no layout of loudspeakers tells apart; else 0


@dataclass(frozen=True)
class Probe:
    """What a file's headers say; `status` is ok when it may be decoded.  Null is what they do not say."""

    status: "MediaStatus" = "ok"
    reason: str = ""
    demuxer: str = ""
    duration_s: float | None = None
    fps: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    sample_rate_hz: int | None = None
    pictures: Stream | None = None
    sound: Stream | None = None
    streams: int = 0
    incomplete: str = ""  # what is missing of a file that was cut off


@dataclass(frozen=True)
class Limits:
    """What reading may meet: bytes of the file, pixels of a picture, seconds, the share of bytes that is missing."""

    max_bytes: int
    max_pixels: int
    timeout_s: float
    max_damage_share: float


def main() -> None:
    """Answer questions of a path and limits with the fields of a Probe."""
    waiting = questions()
    while True:
        question = waiting.get()
        say(answer(question["path"], Limits(**question["limits"])))


def answer(path: str, limits: Limits) -> dict[str, Any]:
    """Return the Probe of a file as JSON; `spent` is true after what may have left this process unfit for more."""
    try:
        return asdict(read(path, limits))
    except MemoryError:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        reason = f"the headers need more than {limit} bytes of memory, the limit"
        return {"status": "unsupported", "reason": reason, "spent": True}
    except Exception as error:  # whatever the file has made the library raise is that file's fault
        return {"status": "corrupt", "reason": f"the headers cannot be read: {error!r:.300}", "spent": True}


def read(path: str, limits: Limits) -> Probe:
    """Return what the headers of the file at `path` say, or why they cannot be read."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return Probe("unsupported", f"{path} is no regular file")
        # What was a file may be a pipe by now: without this it would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Probe("missing", f"{path}: {error.strerror}")
    except ValueError as error:
        return Probe("missing", f"{path}: {error}")
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return Probe("unsupported", f"{path} is no regular file")
        if found.st_size == 0:  # so do endless files of the kernel's look, which are not read
            return Probe("corrupt", "the file is empty")
        if found.st_size > limits.max_bytes:
            return Probe("unsupported", f"{found.st_size} bytes, the limit is {limits.max_bytes}")
        try:
            return _opened(file, found.st_size, limits)
        except OSError as error:
            if isinstance(error, av.FFmpegError):
                raise
            return Probe("missing", f"{path}: {error.strerror}")


def _opened(file: BinaryIO, size: int, limits: Limits) -> Probe:
    start = _behind_tags(file, size)
    file.seek(start)
    first = file.read(SIGNATURE_BYTES)
    known = next((name for name, pattern in SIGNATURES if re.match(pattern, first, re.DOTALL)), None)
    try:
        # Not by its name, whose ending would have a say in what it is.
        with av.open(
            f"file:/proc/self/fd/{file.fileno()}",
            format=known,
            options={
                "protocol_whitelist": "file",
                "format_whitelist": ",".join(DEMUXERS),
                "max_pixels": str(2 * limits.max_pixels),
                "threads": "1",
            },
            timeout=limits.timeout_s,
            metadata_errors="replace",
        ) as container:
            demuxer = known or _demuxer(container.format.name)
            if any(stream.frames > MANY_SAMPLES and not stream.index_entries for stream in container.streams):
                raise MemoryError  # libav goes on without an index that it has no memory for; ffmpeg would have more
            found = _described(container, demuxer)
            return replace(found, incomplete=missing(file, demuxer, size, start, limits.max_damage_share))
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        if known is None and (isinstance(error, av.InvalidDataError) or error.errno == errno.EINVAL):
            return Probe("unsupported", "the file does not begin like any known container of sound or pictures")
        return Probe("corrupt", f"the headers cannot be read: {error.strerror}", known or "")


def _behind_tags(file: BinaryIO, size: int) -> int:
    """Return where the container begins: behind ID3 tags, which may stand before any."""
    start = 0
    for _ in range(MOST_TAGS):
        file.seek(start)
        header = file.read(TAG_BYTES)
        tag = TAG.fullmatch(header)
        if tag is None:
            break
        length = 0
        for septet in tag[1]:
            length = length << 7 | septet
        behind = start + TAG_BYTES + length + (TAG_BYTES if header[5] & 0x10 else 0)
        if behind >= size:
            break
        start = behind
    return start


def _demuxer(names: str) -> str:
    return next(name for name in names.split(",") if name in DEMUXERS)


def _described(container: av.container.InputContainer, demuxer: str) -> Probe:
    """Return the headers' claims about the pictures that move and the sound that the file means to be shown."""
    found = Probe(demuxer=demuxer, streams=len(container.streams))
    begins_s = Fraction(0)
    if demuxer in ENDS_ON_THE_CLOCK and container.start_time and container.start_time > 0:
        begins_s = Fraction(container.start_time, av.time_base)
    if container.duration and demuxer in LENGTH_IN_HEADERS:
        found = replace(found, duration_s=_length(Fraction(container.duration, av.time_base), begins_s))
    streams = container.streams
    moving = [s for s in streams.video if s.codec_context and not s.disposition & STILL]
    if moving:
        video = min(moving, key=_rank)
        found = replace(
            found,
            fps=float(video.average_rate) if video.average_rate else None,
            width_px=video.codec_context.width,
            height_px=video.codec_context.height,
            pictures=_stream(video, demuxer, begins_s),
        )
    heard = [s for s in streams.audio if s.codec_context]
    if heard:
        audio = min(heard, key=_rank)
        sample_rate_hz = audio.codec_context.sample_rate or None
        sound = replace(_stream(audio, demuxer, begins_s), channels_alike=_channels_alike(audio))
        found = replace(found, sample_rate_hz=sample_rate_hz, sound=sound)
    return found


def _rank(stream: av.stream.Stream) -> tuple[bool, bool, int]:
    """Order streams: the file's default one first, those that stand beside another last."""
    return bool(stream.disposition & BESIDES), not stream.disposition & Disposition.default, stream.index


def _stream(stream: av.stream.Stream, demuxer: str, begins_s: Fraction) -> Stream:
    if demuxer not in LENGTH_IN_HEADERS or not (stream.duration and stream.time_base):
        return Stream(stream.index, None)
    return Stream(stream.index, _length(stream.duration * stream.time_base, begins_s))


def _length(ends_s: Fraction, begins_s: Fraction) -> float:
    return float(ends_s - begins_s if ends_s > begins_s else ends_s)


def _channels_alike(audio: av.audio.AudioStream) -> int:
    """Return the number of channels if ffmpeg would guess their loudspeakers, or could not.

    One and two need no layout: their downmix is their mean.
    """
    channels = int(audio.codec_context.layout.nb_channels)
    stated = audio.codec_context.layout.name != f"{channels} channels"
    return 0 if stated or channels <= 2 else channels


if __name__ == "__main__":
    main()
