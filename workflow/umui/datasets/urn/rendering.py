"""Premises of the urn world as words, pictures and sounds, and as the files that hold them.

A draw takes the same time in pictures and sound, so that the two line up.  A draw that is not seen is a grey picture,
one that is not heard is noise.
"""

import tempfile
from pathlib import Path

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from umui.config.datasets import Urn
from umui.datasets.urn.mathematics import Draws
from umui.processes import ffmpeg as ffmpeg_process

SAMPLE_RATE_HZ = 16000
GREY, BLUE, RED = (110, 110, 110), (40, 60, 230), (220, 40, 40)
CHORD_HZ = {False: (250.0, 350.0, 450.0), True: (1800.0, 2400.0, 3000.0)}  # low is blue, high is red
NAMES = ("Ana", "Ben", "Cem", "Dee", "Eli", "Fay", "Gus", "Hal")
COLOURS = {False: "blue", True: "red"}


def words(draws: Draws, random: np.random.Generator) -> str:
    """Return the draws in one of four phrasings."""
    colours = [COLOURS[red] for red in draws]
    name = random.choice(NAMES)
    listed = f"{', '.join(colours[:-1])} and {colours[-1]}" if len(colours) > 1 else colours[0]
    phrasings = (
        f"Draws: {', '.join(colours)}.",
        f"{name} drew {', then '.join(colours)}.",
        f"The balls came out {listed}.",
        f"{name} noted each ball in turn: {'; '.join(colours)}.",
    )
    return f"Urn {random.integers(10, 100)}. {phrasings[random.integers(len(phrasings))]}"


def pictures(draws: Draws, seen: Draws, settings: Urn, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the frames, shape (time, height, width, RGB): a disc a draw, anywhere, drifting, in noise."""
    side = settings.frame_size_px
    frames_a_draw = round(settings.draw_s * settings.frame_rate_hz)
    rows, columns = np.ogrid[:side, :side]
    frames = np.empty((len(draws) * frames_a_draw, side, side, 3), np.int16)
    frames[:] = GREY
    for number, (red, shown) in enumerate(zip(draws, seen, strict=True)):
        centre = random.uniform(0.36, 0.64, 2) * side
        radius = random.uniform(0.25, 0.36) * side
        drift = random.uniform(-0.07, 0.07, 2) * side  # over the draw
        for step in range(frames_a_draw if shown else 0):
            row, column = centre + drift * step / frames_a_draw
            disc = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
            frames[number * frames_a_draw + step][disc] = RED if red else BLUE
    grain = np.float32(settings.pixel_noise_sd) * random.standard_normal(frames.shape[:3], np.float32)
    frames += np.rint(grain).astype(np.int16)[..., None]
    return np.clip(frames, 0, 255, out=frames).astype(np.uint8)


def sound(draws: Draws, heard: Draws, settings: Urn, random: np.random.Generator) -> NDArray[np.int16]:
    """Return mono samples at SAMPLE_RATE_HZ: a chord a draw, of any level and slightly off pitch, in noise."""
    samples_a_draw = round(settings.draw_s * SAMPLE_RATE_HZ)
    time_s = np.arange(samples_a_draw) / SAMPLE_RATE_HZ
    samples = settings.sound_noise_sd * random.standard_normal((len(draws), samples_a_draw))
    for number, (red, sounding) in enumerate(zip(draws, heard, strict=True)):
        onset, end = random.uniform(0.06, 0.16) * settings.draw_s, random.uniform(0.78, 0.94) * settings.draw_s
        level, pitch = random.uniform(0.08, 0.15), 1 + 0.03 * random.standard_normal()
        phases = random.uniform(0, 2 * np.pi, 3)
        if sounding:
            chord = sum(
                np.sin(2 * np.pi * pitch * tone_hz * time_s + phase)
                for tone_hz, phase in zip(CHORD_HZ[red], phases, strict=True)
            )
            samples[number] += level * chord * ((time_s >= onset) & (time_s < end))
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").ravel()


def write_sound(path: Path, samples: NDArray[np.int16]) -> None:
    """Write a WAV file (16-bit PCM)."""
    _write(_sound_input("pipe:0").output(str(path), format="wav", acodec="pcm_s16le", **_PLAIN), samples.tobytes())


def write_video(path: Path, frames: NDArray[np.uint8], samples: NDArray[np.int16] | None, frame_rate_hz: float) -> None:
    """Write an MP4 file: H.264, and AAC when there are `samples`."""
    side = frames.shape[1]
    video = ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{side}x{side}", r=frame_rate_hz)
    options = {"format": "mp4", "vcodec": "libx264", "preset": "ultrafast", "crf": 26, "pix_fmt": "yuv420p", **_PLAIN}
    if samples is None:
        _write(ffmpeg.output(video, str(path), **options), frames.tobytes())
        return
    with tempfile.NamedTemporaryFile(suffix=".pcm") as pcm:
        pcm.write(samples.tobytes())
        pcm.flush()
        streams = (video, _sound_input(pcm.name))
        _write(
            ffmpeg.output(*streams, str(path), acodec="aac", aac_coder="fast", audio_bitrate="64k", **options),
            frames.tobytes(),
        )


_PLAIN = {"threads": 1, "fflags": "+bitexact", "flags": "+bitexact", "map_metadata": -1}  # the same bytes each time


def _sound_input(source: str) -> ffmpeg.nodes.FilterableStream:
    return ffmpeg.input(source, format="s16le", ar=SAMPLE_RATE_HZ, ac=1)


def _write(graph: ffmpeg.nodes.OutputStream, given: bytes) -> None:
    program = ffmpeg_process.binary()
    outcome = ffmpeg_process.run(graph.compile(cmd=ffmpeg_process.command(program)), given)
    if outcome.exit_code != 0:
        raise ffmpeg_process.FfmpegError(f"{program} ended with {outcome.exit_code}: {outcome.messages}")
