"""One format into another, without a store."""

from datetime import UTC, datetime

import pytest

from imaging_assets.records.manifests import AnnotatedImage, Region
from imaging_assets.stages.manifests.conversion import ImageSize, convert, size_of
from imaging_assets_tests.builders import a_picture


def nobody_knows(_: str) -> None:
    return None


def test_the_size_of_a_picture_is_the_upright_one() -> None:
    assert size_of(a_picture(1, (64, 48))) == ImageSize(64, 48, 1)
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    assert size_of(a_picture(1, (64, 48), exif=exif)) == ImageSize(48, 64, 6)
    assert size_of(b"no picture") is None


def test_the_newest_record_of_an_image_counts_then_the_last_and_it_is_told() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    said = [
        AnnotatedImage(1, "a.jpg", tags=("late",), when=late),
        AnnotatedImage(2, "a.jpg", tags=("early",), when=early),
        AnnotatedImage(3, "b.jpg", tags=("first",)),
        AnnotatedImage(4, "b.jpg", tags=("last",)),
    ]
    images, problems = convert(said, nobody_knows)
    assert [(image.path, image.tags) for image in images] == [("a.jpg", ("late",)), ("b.jpg", ("last",))]
    assert [path for path, _ in problems] == ["a.jpg", "b.jpg"]


def test_boxes_in_pixels_need_a_size_from_the_file_or_the_image() -> None:
    box = (Region("cat", 10, 10, 20, 20),)
    stated = AnnotatedImage(1, "a.jpg", tags=("cat",), regions=box, in_pixels=True, width=100, height=50)
    unstated = AnnotatedImage(2, "b.jpg", tags=("cat",), regions=box, in_pixels=True)
    images, problems = convert([stated, unstated], nobody_knows)
    assert images[0].regions == (Region("cat", 0.1, 0.2, 0.2, 0.4),)
    assert (images[1].regions, [path for path, _ in problems]) == ((), ["b.jpg"])
    images, problems = convert([unstated], lambda _: ImageSize(200, 100))
    assert (images[0].regions, images[0].width, problems) == ((Region("cat", 0.05, 0.1, 0.1, 0.2),), 200, [])


@pytest.mark.parametrize("path", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", ""])
def test_names_that_lead_out_of_the_folder_or_are_none_are_left_out_and_told(path: str) -> None:
    images, problems = convert([AnnotatedImage(1, path, "0" * 64, ("cat",))], nobody_knows)
    assert (images, len(problems)) == ([], 1)
