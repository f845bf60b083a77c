"""What offends in a file goes, and no pixel changes: GPS, XMP, further pictures, whatever follows the end.

Belongs here: files rewritten without being encoded again. Does not: when that is done rather than something else (`test_encode.py`).
"""

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from imaging_assets.policies import Resize
from imaging_assets.stages.images.encode import EncodedImage, encode_image
from imaging_assets.stages.images.rewrite import ends_with_picture, rewritten, scans
from imaging_assets_tests.builders import a_picture

LIMITS = Resize()
TAKEN = "2020:01:01 12:00:00"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="52,31.0N"/></x:xmpmeta>'


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


def opened(image: EncodedImage) -> Image.Image:
    picture = Image.open(io.BytesIO(image.data))
    picture.load()  # a PNG's EXIF may follow its pixels
    return picture


def a_place(**more: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = TAKEN
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    for name, value in more.items():
        exif[ExifTags.Base[name]] = value
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_tells_where_it_was_taken_never_tells_again(kind: str) -> None:
    data = a_picture(kind=kind, exif=a_place())

    image = encode_image(data, LIMITS)

    assert (image.status, image.captured_at) == ("rewritten", datetime(2020, 1, 1, 12, tzinfo=UTC))
    assert np.array_equal(pixels(image.data), pixels(data))
    kept = opened(image).getexif()
    assert set(kept) == {ExifTags.IFD.Exif}
    assert kept.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: TAKEN}
    assert b"Exif" not in image.looks.thumbnail


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_was_rewritten_passes_the_next_time(kind: str) -> None:
    once = encode_image(a_picture(kind=kind, exif=a_place(), icc_profile=None) + b"more", LIMITS)

    again = encode_image(once.data, LIMITS)

    assert (again.status, again.data, again.captured_at) == ("passed", once.data, once.captured_at)


def test_a_place_told_in_xmp_goes_too() -> None:
    data = a_picture(xmp=XMP)
    assert XMP in data

    image = encode_image(data, LIMITS)

    assert image.status == "rewritten"
    assert b"GPSLatitude" not in image.data
    assert np.array_equal(pixels(image.data), pixels(data))
    assert encode_image(a_picture(xmp=XMP.replace(b"GPSLatitude", b"Contrast")), LIMITS).status == "passed"


def test_exif_that_cannot_be_read_goes_for_others_may_read_it() -> None:
    image = encode_image(a_picture(exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken"), LIMITS)

    assert image.status == "rewritten"
    assert b"broken" not in image.data


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_place_stays_where_the_settings_say_so(orientation: int) -> None:
    data = a_picture(exif=a_place(Orientation=orientation))

    image = encode_image(data, Resize(keep_gps=True))

    assert image.status == ("passed" if orientation == 1 else "resized")
    assert opened(image).getexif().get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 0.0)


def test_of_several_pictures_in_one_jpeg_the_first_stays() -> None:
    pictures = [Image.new("RGB", (64, 64), name) for name in ("red", "blue")]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:])

    image = encode_image(buffer.getvalue(), LIMITS)

    assert (image.status, image.format, image.extension, opened(image).format) == ("rewritten", "JPEG", "jpg", "JPEG")
    assert len(image.data) < buffer.tell()
    assert np.array_equal(pixels(image.data), pixels(buffer.getvalue()))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("trailer", [b"a second file", b"\xff\xd9", b"PK\x03\x04 \xff\xd8\xff\xe0 \xff\xd9"])
def test_what_follows_the_end_of_a_jpeg_goes(trailer: bytes, progressive: bool) -> None:  # noqa: FBT001
    data = a_picture(size=(300, 200), progressive=progressive)

    image = encode_image(data + trailer, LIMITS)

    assert (image.status, image.data) == ("rewritten", data)


def test_what_was_too_large_only_for_what_follows_it_is_not_encoded_again() -> None:
    data = a_picture(size=(300, 200))

    assert encode_image(data + bytes(range(1, 255)) * 400, Resize(max_bytes=50_000)).status == "rewritten"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_picture_that_a_program_wrote_ends_with_itself(kind: str) -> None:
    assert ends_with_picture(a_picture(kind=kind), kind)
    assert ends_with_picture(a_picture(kind=kind) + bytes(9), kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_no_structure_is_too_odd_to_be_looked_at(kind: str) -> None:
    whole = a_picture(size=(40, 30), kind=kind, exif=a_place())
    for end in range(len(whole)):
        assert not ends_with_picture(whole[:end], kind)
        assert rewritten(whole[:end], kind, b"") is None


def test_scans_are_counted_where_there_may_be_several() -> None:
    assert scans(a_picture()) == scans(a_picture(subsampling=0)) == 1
    assert scans(a_picture() + b"\xff\xda" * 500) == 1
    assert scans(a_picture(progressive=True)) > 5
    assert scans(a_picture(progressive=True) + b"\xff\xda" * 500) > 500
    assert scans(b"\xff\xd8\xff" + b"\xff\xda" * 70) == 70
