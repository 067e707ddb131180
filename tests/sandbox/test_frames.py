from __future__ import annotations

import random

import pytest

from inspect_swe._sandbox.relay.frames import (
    MAX_PAYLOAD,
    Frame,
    FrameDecoder,
    FrameType,
    ProtocolError,
    encode,
    encode_u32,
)


def some_frames(rng: random.Random, count: int) -> list[Frame]:
    kinds = list(FrameType)
    return [
        Frame(rng.choice(kinds), rng.randrange(2**32), rng.randbytes(rng.choice((0, 1, 9, 700)))) for _ in range(count)
    ]


def test_any_cut_gives_the_same_frames() -> None:
    rng = random.Random(1)
    frames = some_frames(rng, 300)
    stream = b"".join(encode(*frame) for frame in frames)
    decoder, got = FrameDecoder(), list[Frame]()
    while stream:
        size = rng.choice((1, 2, 11, 12, 13, 500, 4000))
        got += decoder.feed(stream[:size])
        stream = stream[size:]
    assert got == frames


def test_random_bytes_give_frames_or_an_error() -> None:
    rng = random.Random(2)
    for _ in range(4000):
        decoder = FrameDecoder()
        data = bytearray(b"".join(encode(*frame) for frame in some_frames(rng, 3)))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decoder.feed(bytes(data) if rng.random() < 0.7 else rng.randbytes(64))
        except ProtocolError:
            with pytest.raises(ProtocolError):
                decoder.feed(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"\x02\0\0\0" + b"\0" * 4 + (MAX_PAYLOAD + 1).to_bytes(4, "little"),
        b"\x63" + b"\0" * 11,
        b"\x02\0\x01\0" + b"\0" * 8,
        b"\xff" * 12,
    ],
)
def test_nonsense_is_refused_at_the_header(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrameDecoder().feed(data)


def test_largest_frame() -> None:
    frame = Frame(FrameType.DATA, 7, b"x" * MAX_PAYLOAD)
    assert FrameDecoder().feed(encode(*frame)) == [frame]
    with pytest.raises(ValueError, match="at most"):
        encode(FrameType.DATA, 7, b"x" * (MAX_PAYLOAD + 1))


def test_numbers() -> None:
    (frame,) = FrameDecoder().feed(encode_u32(FrameType.EXIT, 2, 0xFFFFFFFF))
    assert (frame.u32(), frame.i32(), frame.u16()) == (0xFFFFFFFF, -1, 0xFFFF)
    with pytest.raises(ProtocolError, match="too short"):
        frame.u32(4)
