"""Look at a media file from anywhere, without trust, before anything decodes it.

The file must be a regular one, of limited size.  Its content, never its name, says which demuxer may open it; playlists
and scripts, which make libav open other files or addresses, are not among them.  The headers are read by PyAV in a
process of its own with limits on memory and time (headers.py); pictures and sounds are decoded by ffmpeg, in another
(extraction.py).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from umui.config.models import Media
from umui.media import headers
from umui.media.headers import Probe, Stream
from umui.processes.private_result import keep_private
from umui.processes.worker import DiedError, LateError, workers

MAX_SOURCE_BYTES = 100_000_000_000  # an hour at 200 Mbit/s
MAX_HEADER_BYTES = 1_000_000_000  # of memory; 8K in 10 bits takes 3e8, the libraries included


def probe(path: Path, settings: Media) -> Probe:
    """Read the headers of the file at `path` and hold them against the limits of `settings`.

    Never raises for what is in the file: it becomes a status and a reason with the value and the limit.
    """
    max_memory_bytes = min(MAX_HEADER_BYTES, settings.max_memory_bytes)
    limits = {
        "max_bytes": settings.max_source_bytes or MAX_SOURCE_BYTES,
        "max_pixels": settings.max_pixels,
        "timeout_s": settings.timeout_s,
        "max_damage_share": settings.max_damage_share,
    }
    try:
        readers = workers(headers.main.__module__, max_memory_bytes)
        said = readers.ask({"path": str(path), "limits": limits}, settings.timeout_s)
    except LateError:
        keep_private(f"the headers of {path} were not read in {settings.timeout_s:g} s")
        return Probe("unsupported", f"the headers were not read in {settings.timeout_s:g} s, the limit")
    except DiedError as error:
        keep_private(f"the reading of the headers of {path} {error}")
        return Probe("unsupported", f"the reading of its headers {error}, within {max_memory_bytes} bytes of memory")
    return _within_limits(_probe(said), settings)


def _probe(said: dict[str, Any]) -> Probe:
    """Return what a reader said."""
    streams = {name: Stream(**said[name]) for name in ("pictures", "sound") if said.get(name)}
    return Probe(**{key: value for key, value in said.items() if key != "spent"} | streams)


def _within_limits(found: Probe, settings: Media) -> Probe:
    if found.status != "ok":
        return found
    claims = [found.duration_s, *(stream.duration_s for stream in (found.pictures, found.sound) if stream)]
    longest_s = max((claim for claim in claims if claim), default=0.0)
    pixels = (found.width_px or 0) * (found.height_px or 0)
    if found.streams > settings.max_streams:
        reason = f"{found.streams} streams, the limit is {settings.max_streams}"
        return replace(found, status="unsupported", reason=reason)
    if pixels > settings.max_pixels:
        return replace(found, status="unsupported", reason=f"{pixels} pixels, the limit is {settings.max_pixels}")
    if longest_s > settings.max_duration_s:
        return replace(found, status="too_long", reason=f"{longest_s:g} s, the limit is {settings.max_duration_s:g} s")
    if not (found.pictures or found.sound):
        return replace(found, status="unsupported", reason="neither moving pictures nor sound that can be decoded")
    return found
