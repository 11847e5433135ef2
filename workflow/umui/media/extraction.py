"""Extract evidence from media: JPEG frames at a fixed rate and mono FLAC, both from one ffmpeg pass a file.

A file's status answers one question: can the items that use it be shown?  An audio premise needs sound, a video premise
pictures, an audiovisual one both; what is there goes to the evidence even when something else is missing.

A damaged file still counts as ok when ffmpeg succeeds, at most max_damage_share of a stream's packets fail to decode,
each stream lasts as long as its headers claim, less max_damage_share and GRACE_S, and the file has the bytes that its
container claims (wholeness.py).  Beyond that it is corrupt and shows nothing.  Formats without a duration in their
headers (MP3, ADTS, MPEG streams) are held to the first two alone.
"""

import errno
import io
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import av
import ffmpeg
import soundfile

from umui.arguments import Items, Shard, Shards, Workers
from umui.config.models import Media
from umui.evidence.shown import SHOWN, Stream
from umui.files.digests import digest_bytes, digest_file, digest_json, shard_of
from umui.files.parquet import read_rows, write_groups, write_table
from umui.media.headers import Probe
from umui.media.probing import probe
from umui.processes import ffmpeg as ffmpeg_process
from umui.processes.private_result import keep_private
from umui.processes.progress import reported
from umui.processes.say import say
from umui.tables import EVIDENCE, ITEMS, MEDIA

GRACE_S = 0.25  # encoders' padding and edit lists move the end of a stream by less
FLAC_MOST_SAMPLES = 1 << 36  # libsndfile gives more for a length that is not said
CUT_BY_EDITS = {"mov"}  # whose edits may leave nothing of a stream to show, in a file that is whole
FILLED_UP = {"avi"}  # whose lengths count what was left out, too; its bytes are held instead
EMPTY_TRACK = re.compile(r"\[(?P<kind>[av])ost#[^]]*\].*Could not open encoder before EOF")
FILES_A_GROUP = 64  # whose evidence is in memory at a time: a row group of the evidence table


@dataclass(frozen=True)
class Source:
    """A media file as the items table names it, and what the items that use it need to show.

    One that is not `listed` is taken as it is; its media_id is a name and no digest.
    """

    media_id: str
    media_path: str
    needs: frozenset[Stream]
    listed: bool = True


@dataclass(frozen=True)
class Extract:
    """What was found about a file, and what it shows: JPEG frames and FLAC, null without sound."""

    found: Probe
    frames: list[bytes] = field(default_factory=list)
    audio: bytes | None = None


def extract_shard(
    settings: Media,
    items: Items,
    shard: Shard,
    shards: Shards,
    media: Annotated[Path, "media table, written"],
    evidence: Annotated[Path, "evidence table, written"],
    workers: Workers = 1,
) -> None:
    """Probe one shard's media; extract frames and sound.

    The media table has a row a file, the evidence table a row a file that shows something.  `workers` files are in the
    making at a time; their number changes no byte.  A file at fault becomes a status.  Raises FfmpegError when ffmpeg
    itself does not run.
    """
    program = ffmpeg_process.binary(settings.ffmpeg)
    settings_digest = digest_settings(settings, program)
    sources = _sources(items, shard, shards)
    media_rows: list[dict[str, Any]] = []

    def evidence_rows(group: list[tuple[Source, Extract]]) -> list[dict[str, Any]]:
        media_rows.extend(_media_row(source, done) for source, done in group)
        shown = [(source, done) for source, done in group if done.frames or done.audio]
        return [_evidence_row(source, done, settings, settings_digest) for source, done in shown]

    with ThreadPoolExecutor(workers) as pool:
        groups = (sources[start : start + FILES_A_GROUP] for start in range(0, len(sources), FILES_A_GROUP))
        extracts = chain.from_iterable(pool.map(partial(extract, settings, program), group) for group in groups)
        done = reported(zip(sources, extracts, strict=True), len(sources), "media files")
        write_groups(evidence, EVIDENCE, map(evidence_rows, iter(lambda: list(islice(done, FILES_A_GROUP)), [])))
    write_table(media, MEDIA, media_rows)
    counts = Counter(row["status"] for row in media_rows)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
    say(f"media files of shard {shard}: {told}")


def digest_settings(settings: Media, program: str) -> str:
    """Return the digest of what decides on the bytes of evidence: rates, sizes, quality and ffmpeg's version."""
    chosen = settings.model_dump(include={"frame_rate_hz", "frame_size_px", "jpeg_quality", "sample_rate_hz"})
    return digest_json({**chosen, "ffmpeg": ffmpeg_process.version(program)})


def extract(settings: Media, program: str, source: Source) -> Extract:
    """Check, probe and decode one file; never raises for what is in it."""
    path = Path(source.media_path)
    found = probe(path, settings)
    unlisted = source.listed and source.media_id.startswith("missing-")
    if found.status == "missing":
        if source.listed and not unlisted:
            keep_private(f"{path} was there when its items were listed")
        return Extract(found)
    if unlisted and found.demuxer:
        return Extract(Probe("missing", f"{path} was not there when its items were listed; list them again"))
    if found.status != "ok":
        return Extract(found)
    try:
        changed = source.listed and digest_file(path) != source.media_id
    except OSError as error:
        keep_private(f"{path} was there when its items were listed")
        return Extract(replace(found, status="missing", reason=f"{path}: {error.strerror}"))
    if changed:
        keep_private(f"{path} has changed since its items were listed")
        return Extract(replace(found, status="corrupt", reason=f"{path} has changed since its items were listed"))
    if found.incomplete:
        return Extract(replace(found, status="corrupt", reason=found.incomplete))
    try:
        done = _decoded(settings, program, path, found)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = tempfile.gettempdir()
        raise ffmpeg_process.FfmpegError(
            f"{where}: {error.strerror}; free space there for frames and sound, or name another directory in TMPDIR"
        ) from error
    return _with_needs(_with_durations(done, settings), source.needs)


def _decoded(settings: Media, program: str, path: Path, found: Probe) -> Extract:
    """Decode the pictures and the sound of a file, where there are any; its claims are not yet held."""
    sought = found
    with tempfile.TemporaryDirectory(prefix="umui-media-") as directory:
        frames, sound = Path(directory, "frames.mkv"), Path(directory, "sound.flac")
        while sought.pictures or sought.sound:
            graph = _graph(path, sought, frames, sound, settings)
            outcome = ffmpeg_process.run(
                graph.compile(
                    cmd=[*ffmpeg_process.command(program), "-max_error_rate", str(settings.max_damage_share)]
                ),
                timeout_s=settings.timeout_s,
                max_file_bytes=settings.max_output_bytes,
                max_memory_bytes=settings.max_memory_bytes,
            )
            if outcome.exit_code and (empty := EMPTY_TRACK.match(outcome.messages)):
                sought = replace(sought, sound=None) if empty["kind"] == "a" else replace(sought, pictures=None)
                continue
            written_bytes = sum(file.stat().st_size for file in (frames, sound) if file.exists())
            found = _judged(found, outcome, written_bytes, settings)
            if found.status != "ok":
                return Extract(found)
            return Extract(
                found, _packets(frames) if sought.pictures else [], _samples(sound) if sought.sound else None
            )
    return Extract(found)


def _sources(items: Sequence[Path], shard: int, shards: int) -> list[Source]:
    """Return the shard's files in order of media_id; of copies with the same bytes the first path."""
    paths: dict[str, str] = {}
    needs: dict[str, frozenset[Stream]] = {}
    for row in read_rows(items, ITEMS, ["premise_id", "modality", "media_id", "media_path"]):
        media_id, path = row["media_id"], row["media_path"]
        if media_id is not None and shard_of(media_id, row["premise_id"], shards) == shard:
            paths[media_id] = min(path, paths.get(media_id, path))
            needs[media_id] = needs.get(media_id, frozenset()) | SHOWN[row["modality"]].streams
    return [Source(media_id, paths[media_id], needs[media_id]) for media_id in sorted(paths)]


def _graph(path: Path, found: Probe, frames: Path, sound: Path, settings: Media) -> ffmpeg.nodes.OutputStream:
    """Return the ffmpeg graph from one file to a Matroska file of JPEG pictures and a FLAC file.

    Frame n is the picture on screen at n / frame_rate_hz, the first one standing in before its time; gaps in the sound
    are filled with silence.  So both count their time from the same zero.
    """
    source = ffmpeg.input(
        f"file:{path}",
        format=found.demuxer,
        protocol_whitelist="file",
        t=settings.max_duration_s + max(1.0, 2 / settings.frame_rate_hz),  # enough to see that it is too long
        max_pixels=2 * settings.max_pixels,  # of a picture that grows midway; whole blocks count, hence the 2
        threads=1,
    )
    plain = {"threads": 1, "fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1}
    outputs = []
    if found.pictures:
        side = settings.frame_size_px
        scaling = {"flags": "bicubic+accurate_rnd+bitexact", "out_color_matrix": "bt601", "out_range": "full"}
        pictures = (
            source[str(found.pictures.index)]
            .filter("fps", fps=settings.frame_rate_hz, start_time=0, round="up")
            .filter("scale", side, side, **scaling)
            .filter("format", "yuvj444p")
        )
        jpeg = {"format": "matroska", "vcodec": "mjpeg", "q:v": settings.jpeg_quality, "fps_mode": "passthrough"}
        outputs.append(ffmpeg.output(pictures, str(frames), **jpeg, **plain))
    if found.sound:
        heard = source[str(found.sound.index)]
        if channels := found.sound.channels_alike:  # else taken for loudspeakers, whose downmix leaves some out
            heard = heard.filter("pan", "mono|c0<" + "+".join(f"c{number}" for number in range(channels)))
        samples = heard.filter("aresample", settings.sample_rate_hz, first_pts=0, **{"async": 1}).filter(
            "aformat", sample_fmts="s16", channel_layouts="mono"
        )
        outputs.append(ffmpeg.output(samples, str(sound), format="flac", acodec="flac", **plain))
    return ffmpeg.merge_outputs(*outputs)


def _judged(found: Probe, outcome: ffmpeg_process.Outcome, written_bytes: int, settings: Media) -> Probe:
    if outcome.exit_code is None:
        keep_private(f"an extraction was not done in {settings.timeout_s:g} s")
        return replace(found, status="unsupported", reason=f"not done in {settings.timeout_s:g} s, the limit")
    if written_bytes >= settings.max_output_bytes:
        reason = f"{written_bytes} bytes of frames and sound or more, the limit is {settings.max_output_bytes}"
        return replace(found, status="unsupported", reason=reason)
    if outcome.exit_code != 0 and "exceeds specified max pixel count" in outcome.messages:
        reason = f"a picture has over {2 * settings.max_pixels} pixels, the limit is {settings.max_pixels}"
        return replace(found, status="unsupported", reason=reason)
    if outcome.lacked_memory:
        reason = f"decoding needs more than {settings.max_memory_bytes} bytes of memory, the limit"
        return replace(found, status="unsupported", reason=reason)
    if outcome.exit_code != 0:
        complaint = outcome.messages.partition("\n")[0] or f"exit code {outcome.exit_code}"
        return replace(found, status="corrupt", reason=f"cannot be decoded: {complaint}")
    return found


def _packets(path: Path) -> list[bytes]:
    """Return the pictures in the Matroska file that ffmpeg wrote; it is empty where there was none to write."""
    if not path.exists() or not path.stat().st_size:
        return []
    try:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]
    except av.FFmpegError:  # a header and nothing behind it
        return []


def _samples(path: Path) -> bytes | None:
    """Return the FLAC file that ffmpeg wrote, or None where it has no sample."""
    flac = path.read_bytes() if path.exists() else b""
    return flac if flac and _sound_s(flac) else None


def _sound_s(flac: bytes) -> float:
    """Return the length of a FLAC file, 0 of one that does not say it: ffmpeg could not, for want of samples."""
    with soundfile.SoundFile(io.BytesIO(flac)) as sound:
        return sound.frames / sound.samplerate if sound.frames < FLAC_MOST_SAMPLES else 0.0


def _with_durations(done: Extract, settings: Media) -> Extract:
    """Hold what was decoded against the limit on duration and the container's claims."""
    found = done.found
    if found.status != "ok":
        return done
    sound_s = _sound_s(done.audio) if done.audio else 0.0
    pictures_s = len(done.frames) / settings.frame_rate_hz  # up to one frame's time more than there is
    shown_s = max(sound_s, pictures_s)
    if max(sound_s, (len(done.frames) - 1) / settings.frame_rate_hz) > settings.max_duration_s:
        return Extract(replace(found, status="too_long", reason=f"over {settings.max_duration_s:g} s, the limit"))
    for what, decoded_s, claimed_s in (
        ("pictures", pictures_s, found.pictures and found.pictures.duration_s),
        ("sound", sound_s, found.sound and found.sound.duration_s),
        ("file", shown_s, found.duration_s),
    ):
        if found.demuxer in FILLED_UP or (not decoded_s and found.demuxer in CUT_BY_EDITS):
            continue
        if claimed_s and decoded_s < (1 - settings.max_damage_share) * claimed_s - GRACE_S:
            reason = f"truncated: {decoded_s:.2f} s of {what} of the {claimed_s:.2f} s that the headers claim"
            return Extract(replace(found, status="corrupt", reason=reason))
    claimed_s = found.duration_s or shown_s
    duration_s = min(claimed_s, shown_s) if found.demuxer in FILLED_UP else claimed_s
    return replace(done, found=replace(found, duration_s=duration_s))


def _with_needs(done: Extract, needs: frozenset[Stream]) -> Extract:
    if done.found.status != "ok":
        return done
    if "sound" in needs and not done.audio:
        return replace(done, found=replace(done.found, status="no_audio", reason="the file has no sound"))
    if "frames" in needs and not done.frames:
        return replace(done, found=replace(done.found, status="no_video", reason="the file has no moving pictures"))
    return done


def _media_row(source: Source, done: Extract) -> dict[str, Any]:
    found = done.found
    return {
        "media_id": source.media_id,
        "media_path": source.media_path,
        "duration_s": found.duration_s,
        "fps": found.fps,
        "width_px": found.width_px,
        "height_px": found.height_px,
        "has_video": bool(done.frames),
        "has_audio": bool(done.audio),
        "sample_rate_hz": found.sample_rate_hz,
        "status": found.status,
        "reason": found.reason,
    }


def _evidence_row(source: Source, done: Extract, settings: Media, settings_digest: str) -> dict[str, Any]:
    digests = [digest_bytes(frame) for frame in done.frames]
    return {
        "media_id": source.media_id,
        "frames": done.frames,
        "frame_time_s": [number / settings.frame_rate_hz for number in range(len(done.frames))],
        "audio": done.audio,
        "settings_digest": settings_digest,
        "evidence_digest": digest_json({"frames": digests, "audio": done.audio and digest_bytes(done.audio)}),
    }
