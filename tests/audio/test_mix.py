import numpy as np
import pytest
from av.audio.frame import AudioFrame

from vivavoce.audio.limits import Limits
from vivavoce.audio.mix import Mix, to_mono
from vivavoce.core.errors import BadAudio, BadRequest

ROOMY = Limits(seconds=10, decoded_bytes=10_000_000)


def frame(samples: int, *, rate: int = 24_000, layout: str = "mono", form: str = "s16") -> AudioFrame:
    made = AudioFrame(format=form, layout=layout, samples=samples)
    for plane in made.planes:
        plane.update(bytes(plane.buffer_size))
    made.sample_rate = rate
    return made


@pytest.mark.parametrize(
    ("block", "mono"),
    [
        (np.array([[1, -2, 32_767]], np.int16), [1, -2, 32_767]),
        (np.array([[100, -32_768], [300, -32_768]], np.int16), [200, -32_768]),
        (np.array([[0, 128, 255]], np.uint8), [-32_768, 0, 32_512]),
        (np.array([[2**31 - 1, -(2**31), 65_536]], np.int32), [32_767, -32_768, 1]),
        (np.array([[0.5, 2.0, -3.0]], np.float32), [16_384, 32_767, -32_768]),
        (np.array([[0.25], [-0.25]], np.float64), [0]),
        (np.array([[np.nan, np.inf, -np.inf, 1e300]]), [0, 32_767, -32_768, 32_767]),
        (np.array([[np.inf], [-np.inf]], np.float32), [0]),
    ],
)
def test_every_sample_type_becomes_16_bits(block: np.ndarray, mono: list[int]) -> None:
    assert to_mono(block).tolist() == mono


def test_frames_that_change_their_shape_are_one_sound() -> None:
    mix = Mix(ROOMY, 16_000)
    for _ in range(10):
        mix.add(frame(2400))
        mix.add(frame(4800, rate=48_000, layout="stereo", form="fltp"))
        mix.add(frame(800, rate=8_000, layout="5.1", form="s32"))
    assert mix.end().samples == pytest.approx(3 * 16_000, abs=30)


def test_rate_zero_keeps_the_first_rate() -> None:
    mix = Mix(ROOMY, 0)
    mix.add(frame(4410, rate=44_100))
    mix.add(frame(800, rate=8_000))
    assert (mix.end().rate, mix.seconds) == (44_100, pytest.approx(0.2))


def test_each_limit_holds_by_itself() -> None:
    for limits in (Limits(1.0, 10_000_000), Limits(10, 24_000 * 2)):
        mix = Mix(limits, 16_000)
        mix.add(frame(24_000))
        with pytest.raises(BadRequest, match="too long"):
            mix.add(frame(1))


def test_width_and_channels_count_towards_the_bytes() -> None:
    with pytest.raises(BadRequest, match="too long"):
        Mix(Limits(10, 1000 * 4 * 2 - 1), 0).add(frame(1000, layout="stereo", form="fltp"))


@pytest.mark.parametrize(("rate", "layout"), [(384_001, "mono"), (48_000, "7.1.4")])
def test_frames_are_not_believed_more_than_headers(rate: int, layout: str) -> None:
    with pytest.raises(BadAudio):
        Mix(ROOMY, 0).add(frame(10, rate=rate, layout=layout))
