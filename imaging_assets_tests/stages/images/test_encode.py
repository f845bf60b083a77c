"""One image in: upright 8-bit sRGB within the limits out, or a reason from the closed list.

Belongs here: formats, limits, orientation, colours, damage. Does not: days and stores (`test_resized.py`), files in the wild
(`test_corpus.py`).
"""

import io
import random
import struct
import zlib
from datetime import UTC, datetime
from typing import Any, get_args

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from imaging_assets.errors import QuarantineReason, UnreadableImageError
from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image, smaller_copy
from imaging_assets.stages.images.recipe import decoders, recipe
from imaging_assets_tests.builders import a_picture
from imaging_assets_tests.stages.images.pictures import a_profile

LIMITS = Resize()
QUARTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


def saved(picture: Image.Image, kind: str = "PNG", **save: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **save)
    return buffer.getvalue()


def opened(image: EncodedImage) -> Image.Image:
    picture = Image.open(io.BytesIO(image.data))
    picture.load()
    return picture


def colour(image: EncodedImage, place: tuple[float, float] = (0.5, 0.5)) -> tuple[int, int, int]:
    picture = opened(image).convert("RGB")
    value = picture.getpixel((int(picture.width * place[0]), int(picture.height * place[1])))
    assert isinstance(value, tuple)
    return value[0], value[1], value[2]


def near(one: tuple[int, int, int], other: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def brightness(image: EncodedImage) -> list[int]:
    """0 to 255 in the middle of each quarter: top left, top right, bottom left, bottom right."""
    return [sum(colour(image, place)) // 3 for place in QUARTERS]


def reason(data: bytes, limits: Resize = LIMITS) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        encode_image(data, limits)
    return caught.value.reason


def corner(size: tuple[int, int] = (40, 20), dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    """Black with a white top left quarter."""
    values = np.zeros((size[1], size[0]), dtype)
    values[: size[1] // 2, : size[0] // 2] = np.iinfo(dtype).max
    return values


def exif(**tags: Any) -> Image.Exif:
    found = Image.Exif()
    for name, value in tags.items():
        found[ExifTags.Base[name]] = value
    return found


# --- what passes


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("BMP", "bmp")])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_plain_image_within_the_limits_passes_as_it_is(kind: str, extension: str, mode: str) -> None:
    data = saved(Image.open(io.BytesIO(a_picture())).convert(mode), kind)

    image = encode_image(data, LIMITS)

    assert (image.status, image.data, image.extension, image.format) == ("passed", data, extension, kind)
    assert (image.width, image.height) == (image.resized_width, image.resized_height) == (320, 240)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "BMP"])
@pytest.mark.parametrize("mode", ["P", "1"])
def test_an_opaque_palette_passes_too(kind: str, mode: str) -> None:
    data = saved(Image.open(io.BytesIO(a_picture())).convert(mode), kind)

    assert (encode_image(data, LIMITS).status, encode_image(data, LIMITS).data) == ("passed", data)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
def test_a_format_that_others_do_not_read_becomes_a_jpeg(kind: str) -> None:
    image = encode_image(a_picture(kind=kind), LIMITS)

    assert (image.status, image.extension, image.format) == ("resized", "jpg", kind)
    assert (opened(image).format, opened(image).mode, opened(image).size) == ("JPEG", "RGB", (320, 240))


def test_every_image_has_a_thumbnail_and_a_hash() -> None:
    for data in (a_picture(size=(600, 300)), a_picture(size=(300, 600), kind="WEBP"), a_picture(size=(20, 10))):
        image = encode_image(data, LIMITS)
        thumbnail = Image.open(io.BytesIO(image.looks.thumbnail))

        assert thumbnail.format == "JPEG"
        assert max(thumbnail.size) == min(256, max(image.width, image.height))
        assert abs(thumbnail.width / thumbnail.height - image.width / image.height) < 0.02
        assert len(image.looks.phash) == 16


def test_a_file_name_says_nothing_its_bytes_do() -> None:
    assert encode_image(a_picture(kind="PNG"), LIMITS).format == "PNG"


# --- what may not pass


def test_other_exif_passes() -> None:
    assert encode_image(a_picture(exif=exif(Make="a camera")), LIMITS).status == "passed"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "white"), [(1, 0), (2, 1), (3, 3), (4, 2), (5, 0), (6, 1), (7, 3), (8, 2), (0, 0), (9, 0)]
)
def test_an_image_is_set_upright_by_its_exif(kind: str, orientation: int, white: int) -> None:
    data = saved(Image.fromarray(corner((400, 200))).convert("RGB"), kind, exif=exif(Orientation=orientation))

    image = encode_image(data, LIMITS)

    size = (200, 400) if orientation >= 5 and orientation != 9 else (400, 200)
    assert (image.width, image.height) == size == opened(image).size
    assert [value > 128 for value in brightness(image)] == [place == white for place in range(4)]
    assert opened(image).getexif().get(ExifTags.Base.Orientation, 1) in (1, orientation if image.status == "passed" else 1)
    thumbnail = Image.open(io.BytesIO(image.looks.thumbnail))
    assert (thumbnail.width > thumbnail.height) == (size[0] > size[1])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_tones_and_its_orientation(kind: str) -> None:
    slope = np.linspace(0, 65535, 400).astype(np.uint16)[None, :].repeat(200, axis=0)

    plain = encode_image(saved(Image.fromarray(slope), kind), LIMITS)
    turned = encode_image(saved(Image.fromarray(slope), kind, exif=exif(Orientation=6)), LIMITS)

    assert [abs(colour(plain, (x, 0.5))[0] - round(255 * x)) <= 4 for x in (0.1, 0.5, 0.9)] == [True] * 3
    assert (turned.width, turned.height) == (200, 400)
    assert [abs(colour(turned, (0.5, y))[0] - round(255 * y)) <= 4 for y in (0.1, 0.5, 0.9)] == [True] * 3


def sixteen_bit_png(transparent: int | None) -> bytes:
    """Pillow writes no tRNS for 16-bit grey, others do."""
    values = corner((40, 20), np.uint16)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 20, 16, 0, 0, 0, 0))]
    if transparent is not None:
        parts.append(chunk(b"tRNS", struct.pack(">H", transparent)))
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")])


@pytest.mark.parametrize("transparent", [None, 300, 65535])
def test_sixteen_bit_grey_with_a_transparent_tone_is_read(transparent: int | None) -> None:
    assert [value > 128 for value in brightness(encode_image(sixteen_bit_png(transparent), LIMITS))] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((20, 20), 0.5, np.float32), 128),
        (np.full((20, 20), 200.0, np.float32), 200),
        (np.full((20, 20), 32768, np.int32), 128),
        (np.full((20, 20), -5, np.int32), 0),
        (np.full((20, 20), np.nan, np.float32), 0),
        (np.zeros((20, 20), np.float32), 0),
    ],
)
def test_scientific_grey_is_scaled_to_what_its_values_look_like(values: np.ndarray[Any, Any], expected: int) -> None:
    image = encode_image(saved(Image.fromarray(values), "TIFF"), LIMITS)

    assert abs(brightness(image)[0] - expected) <= 2


def test_cmyk_becomes_rgb_of_the_same_look() -> None:
    picture = Image.new("RGB", (64, 64), (200, 40, 40)).convert("CMYK")

    for kind in ("JPEG", "TIFF"):
        image = encode_image(saved(picture, kind), LIMITS)
        assert image.status == "resized"
        assert near(colour(image), (200, 40, 40))


def test_a_palette_becomes_the_colours_it_names() -> None:
    picture = Image.new("RGB", (80, 80), (10, 200, 90)).quantize(4)

    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        for limits in (LIMITS, Resize(max_edge=64)):
            assert near(colour(encode_image(saved(picture, kind), limits)), (10, 200, 90))


def test_black_and_white_of_one_bit_stays_black_and_white() -> None:
    image = encode_image(saved(Image.fromarray(corner()).convert("1")), LIMITS)

    assert [value > 128 for value in brightness(image)] == [True, False, False, False]


@pytest.mark.parametrize(("background", "expected"), [("#ffffff", (255, 255, 255)), ("#102030", (16, 32, 48))])
def test_what_is_transparent_shows_the_background(background: str, expected: tuple[int, int, int]) -> None:
    limits = Resize(background=background)
    half = Image.new("RGBA", (64, 64), (255, 0, 0, 255))
    half.paste((0, 255, 0, 0), (32, 0, 64, 64))
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 255, 0, 255, 0, 0])
    palette.paste(0, (32, 0, 64, 64))
    keyed = Image.new("RGB", (64, 64), (255, 0, 0))
    keyed.paste((0, 255, 0), (32, 0, 64, 64))
    for data in (
        saved(half),
        saved(half, "WEBP", lossless=True),
        saved(half, "TIFF"),
        saved(palette, "PNG", transparency=0),
        saved(palette, "GIF", transparency=0),
        saved(keyed, "PNG", transparency=(0, 255, 0)),
    ):
        image = encode_image(data, limits)

        assert image.status == "resized"
        assert near(colour(image, (0.25, 0.5)), (255, 0, 0))
        assert near(colour(image, (0.8, 0.5)), expected)


def test_grey_with_transparency_shows_the_background() -> None:
    image = encode_image(saved(Image.new("LA", (64, 64), (0, 0))), LIMITS)

    assert near(colour(image), (255, 255, 255))


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    image = encode_image(saved(Image.new("RGBA", (64, 64), (0, 0, 0, 128))), LIMITS)

    assert near(colour(image), (127, 127, 127))


def test_only_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (64, 64), name) for name in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 3

        image = encode_image(data, LIMITS)

        assert image.status == "resized"
        assert near(colour(image), (255, 0, 0))


def test_a_broken_later_frame_does_not_cost_the_first() -> None:
    frames = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64), dtype=np.uint8)) for n in range(3)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])

    image = encode_image(data[: len(data) * 2 // 3], LIMITS)

    assert opened(image).size == (64, 64)


def test_srgb_by_whatever_name_passes() -> None:
    for kind in ("JPEG", "PNG"):
        assert encode_image(a_picture(kind=kind, icc_profile=a_profile(exchanged=False)), LIMITS).status == "passed"


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), *((kind, mode) for kind in ("PNG", "WEBP", "TIFF") for mode in ("RGB", "RGBA", "P"))]
)
def test_colours_of_a_profile_become_srgb(kind: str, mode: str) -> None:
    red = Image.new("RGB", (64, 64), (230, 20, 20))
    red = red.quantize(4) if mode == "P" else red.convert(mode)

    image = encode_image(saved(red, kind, icc_profile=a_profile(exchanged=True)), LIMITS)

    assert image.status == "resized"
    assert near(colour(image), (20, 230, 20))
    assert "icc_profile" not in opened(image).info


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_broken_profile_costs_neither_the_image_nor_its_colours(kind: str) -> None:
    image = encode_image(saved(Image.new("RGB", (64, 64), (230, 20, 20)), kind, icc_profile=b"no profile at all"), LIMITS)

    assert image.status == "resized"
    assert near(colour(image), (230, 20, 20))
    assert "icc_profile" not in opened(image).info


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_fine_colour_stays_fine(kind: str) -> None:
    """Red letters on blue are what halved colour blurs."""
    lines = Image.new("RGB", (64, 64), (20, 20, 230))
    for x in range(0, 64, 2):
        lines.paste((230, 20, 20), (x, 0, x + 1, 64))
    fine: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}

    image = encode_image(saved(lines, kind, exif=exif(Orientation=2), **fine), LIMITS)

    row = np.asarray(opened(image).convert("RGB"), dtype=int)[32]
    assert (row[1::2, 0] - row[0::2, 0]).mean() > 150


def test_lab_becomes_rgb_of_the_same_look() -> None:
    picture = Image.new("RGB", (64, 64), (200, 40, 40))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")

    image = encode_image(saved(ImageCms.applyTransform(picture, to_lab) or picture, "TIFF"), LIMITS)

    assert near(colour(image), (200, 40, 40))


# --- limits


def test_a_file_of_exactly_the_limit_passes_and_of_one_byte_more_does_not() -> None:
    data = a_picture(size=(900, 700))

    assert encode_image(data, Resize(max_bytes=len(data))).status == "passed"
    assert encode_image(data, Resize(max_bytes=len(data) - 1)).status == "resized"


def test_too_many_pixels_are_quarantined_before_they_are_decoded() -> None:
    limits = Resize(max_pixels=10_000)

    assert reason(saved(Image.new("L", (101, 100))), limits) == "too many pixels"
    assert encode_image(saved(Image.new("L", (100, 100))), limits).status == "passed"


@pytest.mark.slow
def test_more_pixels_than_pillow_likes_are_taken_when_the_limit_says_so() -> None:
    data = saved(Image.new("1", (9_600, 9_600)))
    assert reason(data) == "too many pixels"

    image = encode_image(data, Resize(max_pixels=100_000_000, max_edge=1000))

    assert (image.width, image.resized_width) == (9_600, 1000)


@pytest.mark.parametrize(
    ("size", "problems"),
    [
        ((256, 256), set()),
        ((255, 300), {"shorter than 256 pixels"}),
        ((7_000, 256), {"longer than 25:1"}),
        ((6_400, 256), set()),
        ((10_300, 500), {"longer than 10,240 pixels"}),
    ],
)
def test_what_custom_vision_refuses_is_told(size: tuple[int, int], problems: set[str]) -> None:
    told = encode_image(saved(Image.new("L", size)), Resize(max_edge=20_000)).problems

    assert {problem for problem in told if "than" in problem} == problems


def test_by_default_no_edge_is_longer_than_custom_vision_takes() -> None:
    image = encode_image(saved(Image.new("L", (12_000, 600))), LIMITS)

    assert (image.resized_width, image.resized_height) == (10_240, 512)
    assert not [problem for problem in image.problems if "than" in problem]


def test_a_smaller_copy_is_made_only_of_what_is_too_large() -> None:
    data = a_picture(size=(1600, 1200), quality=95)

    assert smaller_copy(data, len(data)) is data
    copy = smaller_copy(data, 20_000)
    assert len(copy) <= 20_000
    assert Image.open(io.BytesIO(copy)).format == "JPEG"
    with pytest.raises(UnreadableImageError):
        smaller_copy(bytes(30_000), 20_000)


# --- damage


def test_every_reason_is_of_the_closed_list_and_fits_the_damage() -> None:
    jpeg, png = a_picture(), a_picture(kind="PNG")
    assert reason(b"") == "empty file"
    assert reason(jpeg[: len(jpeg) // 2]) == "truncated"
    assert reason(png[: len(png) // 2]) == "truncated"
    assert reason(jpeg[:10]) == "truncated"
    assert reason(jpeg[:3] + bytes(50)) == "damaged"
    assert reason(b"this is a text named like a picture") == "unsupported format"
    assert reason(b"%PDF-1.7 ...") == "unsupported format"
    assert reason(png[:60] + bytes(20) + png[80:]) == "damaged"


def test_a_reason_tells_what_the_decoder_said() -> None:
    with pytest.raises(UnreadableImageError, match="truncated: OSError: image file is truncated"):
        encode_image(a_picture()[:2000], LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_no_damage_raises_anything_but_a_reason(kind: str) -> None:
    save: dict[str, Any] = {} if kind in ("BMP", "GIF") else {"exif": exif(Make="x", Orientation=6)}
    whole = a_picture(size=(48, 32), kind=kind, **save)
    chance = random.Random(kind)
    for _ in range(60):
        data = bytearray(whole)
        for place in chance.sample(range(len(data)), 3):
            data[place] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        try:
            image = encode_image(bytes(data), LIMITS)
        except UnreadableImageError as error:
            assert error.reason in get_args(QuarantineReason)  # noqa: PT017 - either is fine
        else:
            assert opened(image).size == (image.resized_width, image.resized_height)


def a_png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def test_bombs_and_giants_are_quarantined_by_their_header() -> None:
    pixels = (b"IDAT", zlib.compress(bytes(1000)))
    for width, height in ((60_000, 60_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)):
        header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        assert reason(a_png(header, pixels, (b"IEND", b""))) == "too many pixels"
    giant = bytearray(a_picture())
    frame = giant.index(b"\xff\xc0")
    giant[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    assert reason(bytes(giant)) == "too many pixels"


def test_an_image_without_width_is_damaged() -> None:
    header = (b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 2, 0, 0, 0))

    assert reason(a_png(header, (b"IDAT", zlib.compress(b"")), (b"IEND", b""))) == "damaged"


@pytest.mark.parametrize("other", [b"PK\x03\x04", b"%PDF-1.7\n", b"MZ\x90\0", b"<html><script>", b"#!/bin/sh\n", b"GIF89"])
def test_what_is_something_else_first_is_no_image_whatever_follows(other: bytes) -> None:
    assert reason(other + a_picture()) in {"unsupported format", "damaged"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_what_is_something_else_too_loses_it(kind: str) -> None:
    """A picture with an archive behind it is both a picture and a program to some."""
    image = encode_image(a_picture(kind=kind) + b"PK\x03\x04 an archive PK\x05\x06" + bytes(18), LIMITS)

    assert image.status in {"rewritten", "resized"}
    assert b"archive" not in image.data


def test_zeros_behind_the_end_are_usual_and_harmless() -> None:
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        assert encode_image(a_picture(kind=kind) + bytes(500), LIMITS).status == "passed"


def test_a_jpeg_damaged_in_the_middle_is_used_and_said_to_be_damaged() -> None:
    data = bytearray(a_picture(size=(640, 480), quality=90))
    data[len(data) // 2 : len(data) // 2 + 2] = b"\xff\xd3"

    image = encode_image(bytes(data), LIMITS)

    assert "partly damaged" in image.problems
    assert "partly damaged" not in encode_image(a_picture(size=(640, 480)), LIMITS).problems


# --- when it was taken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026:03:02 04:05:06", datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)),
        ("2026:03:02 04:05:06\0", datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2026-03-02", None),
        ("", None),
    ],
)
def test_the_time_of_a_picture_is_read_where_it_makes_sense(text: str, expected: datetime | None) -> None:
    assert encode_image(a_picture(exif=exif(DateTime=text)), LIMITS).captured_at == expected


def test_the_time_the_shutter_opened_counts_more_than_that_of_the_last_change() -> None:
    tagged = exif(DateTime="2026:03:02 00:00:00")
    tagged.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2020:01:01 12:00:00"

    assert encode_image(a_picture(exif=tagged), LIMITS).captured_at == datetime(2020, 1, 1, 12, tzinfo=UTC)


def test_a_resized_image_keeps_its_time_and_nothing_else() -> None:
    tagged = exif(Make="a camera", Software="a program", Orientation=6)
    tagged.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2020:01:01 12:00:00"
    tagged.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)

    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        kept = opened(encode_image(a_picture(kind=kind, exif=tagged), LIMITS)).getexif()
        assert dict(kept.get_ifd(ExifTags.IFD.Exif)) == {ExifTags.Base.DateTimeOriginal: "2020:01:01 12:00:00"}
        assert dict(kept) == {ExifTags.IFD.Exif: kept[ExifTags.IFD.Exif]}


# --- names


def test_a_recipe_changes_with_what_shapes_the_output_and_with_nothing_else() -> None:
    assert recipe(Resize(workers=1, batch=1, near_duplicate_bits=1)) == recipe(Resize(workers=2))
    others = [
        Resize(max_bytes=10_000),
        Resize(max_edge=64),
        Resize(min_quality=20),
        Resize(background="#000000"),
        Resize(thumbnail_edge=32),
    ]
    assert len({recipe(limits) for limits in [LIMITS, *others]}) == 6


def test_the_decoders_have_one_name_in_one_process() -> None:
    assert decoders(LIMITS) == decoders(LIMITS) != ""
