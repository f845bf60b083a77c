"""The pictures of the demo: repeatable, alike where they should be, different where they should be, and broken on purpose."""

import hashlib
import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from imaging_assets.demo.pictures import Shot, photograph, take, take_truncated
from imaging_assets.demo.scenes import Scene
from imaging_assets.demo.story import EXPECTATIONS, SCENES, shot_of
from imaging_assets_tests.demo.landed import decode, landed


def small(data: bytes, side: int = 24) -> NDArray[np.float32]:
    """The picture as a contact sheet shows it: gray, flattened, without its mean and contrast."""
    image = decode(data)
    assert image is not None
    pixels = np.asarray(image.convert("L").resize((side, side), Image.Resampling.BOX), dtype=np.float32).ravel()
    return np.asarray((pixels - pixels.mean()) / pixels.std(), dtype=np.float32)


@pytest.mark.parametrize("scene", SCENES)
def test_the_same_shot_gives_the_same_bytes_and_another_seed_gives_others(scene: str) -> None:
    shot = next(shot_of(number) for number in range(1, 9) if shot_of(number).scene == scene)
    digests = [hashlib.sha256(take(shot)).hexdigest() for _ in range(2)]
    assert digests[0] == digests[1]
    assert hashlib.sha256(take(replace(shot, seed=999))).hexdigest() != digests[0]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [(64, 48), (120, 160), (333, 250)])
def test_every_scene_can_be_photographed_at_any_size(scene: Scene, size: tuple[int, int]) -> None:
    for seed in range(12):
        image = photograph(Shot(seed=seed, scene=scene, size=size))
        assert (image.size, image.mode) == (size, "RGB")


@pytest.mark.slow
def test_only_copies_and_near_duplicates_look_alike() -> None:
    pictures = {path: small(data) for path, data in landed().items() if decode(data)}
    matrix = np.stack(list(pictures.values()))
    likeness = np.triu(matrix @ matrix.T / matrix.shape[1], k=1)
    assert (likeness > 0.99).sum() == EXPECTATIONS.exact_duplicates + EXPECTATIONS.near_duplicates
    assert ((likeness > 0.975) & (likeness < 0.99)).sum() == 0


def test_a_plate_changes_a_corner_of_the_picture_only() -> None:
    shot = Shot(seed=3, scene="meadow", size=(640, 480))
    plain, plated = (np.asarray(photograph(each)).astype(int) for each in (shot, replace(shot, lot=42)))
    rows, columns = np.nonzero(np.abs(plain - plated).sum(axis=2))
    assert rows.min() > 360
    assert columns.max() - columns.min() < 320
    assert np.asarray(plated)[rows, columns].max() > 230


def test_about_thirty_pictures_carry_a_printed_lot_number_and_0042_is_one_of_them() -> None:
    lots = [shot_of(number).lot for number in range(1, 139)]
    assert 25 <= sum(lot is not None for lot in lots) <= 35
    assert 42 in lots


def test_a_sideways_picture_is_stored_turned_and_says_so() -> None:
    shot = Shot(seed=4, scene="harbour", size=(640, 480))
    turned = Image.open(io.BytesIO(take(replace(shot, sideways=True))))
    assert turned.size == (480, 640)
    assert turned.getexif()[ExifTags.Base.Orientation] == 6
    assert float(small(take(shot)) @ small(take(replace(shot, sideways=True)))) / 24**2 > 0.99


def test_time_and_place_can_be_read_back_from_exif() -> None:
    exif = Image.open(io.BytesIO(take(shot_of(1)))).getexif()
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2026:03:02 08:03:17"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert gps[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert [float(part) for part in gps[ExifTags.GPS.GPSLatitude]] == pytest.approx([24, 43, 48])


@pytest.mark.slow
def test_the_last_day_leaves_every_kind_of_file_and_of_damage() -> None:
    kinds: Counter[tuple[str | None, str]] = Counter()
    for data in landed().values():
        if decode(data):
            image = Image.open(io.BytesIO(data))
            kinds[image.format, image.mode] += 1
    assert kinds["JPEG", "RGB"] == EXPECTATIONS.images - 5
    assert {kind: count for kind, count in kinds.items() if kind != ("JPEG", "RGB")} == {
        ("JPEG", "L"): 1,
        ("PNG", "RGB"): 2,
        ("PNG", "RGBA"): 1,
        ("WEBP", "RGB"): 1,
    }
    broken = {path: data for path, data in landed().items() if not decode(data)}
    assert sorted(data[:2] for data in broken.values()) == [b"", b"Ca", b"\xff\xd8"]


def test_a_truncated_picture_opens_but_does_not_decode() -> None:
    data = take_truncated(Shot(seed=5, scene="city", size=(640, 480)))
    assert Image.open(io.BytesIO(data)).size == (640, 480)
    assert decode(data) is None
