"""Label files damaged at every single place: each reader tells what it cannot use, and never fails in another way."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from imaging_assets.errors import LabelFileError
from imaging_assets.stages.manifests.formats import LabelFile, read_labels
from imaging_assets.stages.manifests.sources import apart
from imaging_assets_tests.stages.manifests.formats.test_formats import (
    AZURE_ML,
    COCO,
    CVAT,
    LABEL_STUDIO,
    SAMPLES,
    VIA,
    VIA_CSV,
    VOC,
)

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**400,
    "",
    "x",
    "http://[x",
    "9" * 5000,
    [],
    [[]],
    [None],
    ["x", 1],
    {},
    {"x": []},
    {"": 1},
]
"""What nobody expects where something else belongs."""

OUTLINES = COCO | {"annotations": [{"id": 1, "image_id": 7, "category_id": 3, "segmentation": [[1, 2, 3, 4, 5, 6]]}]}
SHAPES = [
    {
        "data": {"image": "a.jpg"},
        "annotations": [
            {
                "result": [
                    {"type": "polygonlabels", "value": {"points": [[1, 2], [3, 4], [5, 6]], "polygonlabels": ["cat"]}},
                    {"type": "ellipselabels", "value": {"x": 5, "y": 5, "radiusX": 1, "radiusY": 1, "ellipselabels": ["cat"]}},
                    {"type": "taxonomy", "value": {"taxonomy": [["animal", "cat"]]}},
                    {"type": "rectanglelabels", "value": {"x": 5, "y": 5, "width": 1, "height": 1, "rotation": 3}},
                ]
            }
        ],
    }
]
FLAT = [
    {
        "image": "a.jpg",
        "choice": "cat",
        "box": [{"x": 1, "y": 2, "width": 3, "height": 4, "original_width": 9, "original_height": 9, "rectanglelabels": ["cat"]}],
    }
]
LINES = {"image_url": "a.jpg", "image_details": {"width": "4px"}, "label": [{"label": "a", "polygon": [[0.1, 0.2, 0.3, 0.4]]}]}
CIRCLE = {"a": {"filename": "a.jpg", "regions": {"0": {"shape_attributes": {"name": "circle", "cx": 1, "cy": 1, "r": 1}}}}}


def damaged(value: Any) -> Iterator[Any]:
    """The value with one part of it replaced, or gone, for every part."""
    yield from ODD
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            less = copy.copy(value)
            del less[key]
            yield less
            for other in damaged(value[key]):
                changed = copy.copy(value)
                changed[key] = other
                yield changed


def survives(name: str, format_name: str, text: str) -> int:
    """How many records and refusals there are; a file that is refused as a whole is one."""
    try:
        said, refused = apart(read_labels(LabelFile(name, text.encode(), classes=("cat",)), format_name))
    except LabelFileError:
        return 1
    assert "\0" not in str((said, refused)).encode().decode()  # what no table can hold
    return len(said) + len(refused)


@pytest.mark.parametrize(
    ("format_name", "content"),
    [
        ("coco", COCO),
        ("coco", OUTLINES),
        ("via", VIA),
        ("via", {"_via_img_metadata": VIA}),
        ("via", CIRCLE),
        ("label-studio", LABEL_STUDIO),
        ("label-studio", SHAPES),
        ("label-studio", FLAT),
        ("azure-ml", json.loads(AZURE_ML)),
        ("azure-ml", LINES),
    ],
)
def test_json_with_anything_in_any_place_is_read_or_refused(format_name: str, content: Any) -> None:
    texts = [json.dumps(value) for value in damaged(content)]
    assert len(texts) > 50
    for text in texts:
        survives("x.json", format_name, text)
        survives("x.json", "auto", text)


@pytest.mark.parametrize(("format_name", "text"), [("voc", VOC), ("cvat", CVAT)])
def test_xml_with_anything_in_any_place_is_read_or_refused(format_name: str, text: str) -> None:
    places = [match.span(1) for match in re.finditer(r'(?:="|>)([^"<>\n]+)(?:"|<)', text)]
    assert len(places) > 10
    for start, end in places:
        for odd in ("", "x", "-1", "nan", "1e999", "http://[x", "9" * 5000, ";,;", "&#x1F33C;"):
            survives("x.xml", format_name, text[:start] + odd + text[end:])
    for element in re.findall(r"<(\w+)", text):
        survives("x.xml", format_name, re.sub(rf"</?{element}\b[^>]*>", "", text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        SAMPLES["csv"],
        ("x.csv", "path,tags,xmin,ymin,xmax,ymax,when,image_width\na.jpg,cat,1,2,3,4,2026-03-02,640\n"),
        ("x.csv", VIA_CSV),
        SAMPLES["yolo"],
    ],
)
def test_lines_with_anything_in_any_cell_are_read_or_refused(name: str, text: str) -> None:
    places = [match.span() for match in re.finditer(r"[^,\s\"]+", text)]
    for start, end in places:
        for odd in ("", "x", "-1", "nan", "1e999", "http://[x", "9" * 5000, '"', "\0", "\ud7ff", "{", "[]", "²"):
            survives(name, "auto", text[:start] + odd + text[end:])


@pytest.mark.parametrize("format_name", ["coco", "via", "label-studio", "azure-ml"])
@pytest.mark.parametrize("odd", ["9" * 5000, "-1E+999", "[" * 2_000, '{"a":' * 2_000, '"\\ud800"', '"\\u0000"', "NaN"], ids=len)
def test_json_that_no_program_likes_to_read_is_read_or_refused(format_name: str, odd: str) -> None:
    content = SAMPLES[format_name][1]
    text = content if isinstance(content, str) else json.dumps(content)
    for match in list(re.finditer(r'(?<=: )\d+|(?<=:)"[^"]+"|(?<=: )"[^"]+"', text))[:10]:
        survives("x.json", format_name, text[: match.start()] + odd + text[match.end() :])
    survives("x.json", format_name, odd)
    survives("x.json", "auto", odd)
