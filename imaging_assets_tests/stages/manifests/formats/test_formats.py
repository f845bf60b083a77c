"""Files of labelling tools, as each tool writes them: told apart by content, read into one record."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from imaging_assets.errors import LabelFileError
from imaging_assets.records.manifests import AnnotatedImage, Region, RejectedLine
from imaging_assets.stages.manifests.formats import READERS, LabelFile, is_companion, read_labels, recognise, yolo
from imaging_assets.stages.manifests.formats.draft import clean_path
from imaging_assets.stages.manifests.sources import apart

DIGEST = "0123456789abcdef" * 4


def read(name: str, content: object, **how: Any) -> tuple[list[AnnotatedImage], list[RejectedLine]]:
    """Read by content; what is no text or bytes is written as JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    data = text.encode() if isinstance(text, str) else text
    return apart(read_labels(LabelFile(name, data, **how)))


def read_one(name: str, content: object, **how: Any) -> AnnotatedImage:
    """The only record; nothing may be refused."""
    images, rejected = read(name, content, **how)
    assert rejected == []
    (image,) = images
    return image


def boxes(image: AnnotatedImage) -> list[tuple[object, ...]]:
    return [(r.tag, *(round(number, 6) for number in (r.left, r.top, r.width, r.height))) for r in image.regions]


COCO: dict[str, Any] = {
    "info": {"year": 2026},
    "images": [{"id": 7, "file_name": "street/a.jpg", "width": 640, "height": 480}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 10, 30, 60], "area": 1800, "iscrowd": 0}],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}],
}

VOC = """<annotation><folder>x</folder><filename>a.jpg</filename><path>/home/me/a.jpg</path>
<size><width>640</width><height>480</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>40</xmax><ymax>70</ymax></bndbox></object></annotation>"""

VIA: dict[str, Any] = {
    "a.jpg1234": {
        "filename": "a.jpg",
        "size": 1234,
        "regions": [
            {
                "shape_attributes": {"name": "rect", "x": 10, "y": 10, "width": 30, "height": 60},
                "region_attributes": {"label": "cat"},
            }
        ],
        "file_attributes": {"caption": "no tag"},
    }
}

VIA_CSV = """filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes
a.jpg,1234,"{}",2,0,"{""name"":""rect"",""x"":10,""y"":10,""width"":30,""height"":60}","{""label"":""cat""}"
a.jpg,1234,"{}",2,1,"{""name"":""circle"",""cx"":50,""cy"":60,""r"":10}","{""label"":""dog""}"
"""

LABEL_STUDIO: list[dict[str, Any]] = [
    {
        "id": 1,
        "data": {"image": "/data/local-files/?d=2026/03/02/a.jpg"},
        "annotations": [
            {
                "id": 4,
                "completed_by": {"id": 2, "email": "anna@example.org"},
                "updated_at": "2026-03-02T12:00:00.000000Z",
                "result": [
                    {
                        "type": "rectanglelabels",
                        "original_width": 640,
                        "original_height": 480,
                        "image_rotation": 0,
                        "value": {"x": 25, "y": 50, "width": 10, "height": 20, "rotation": 0, "rectanglelabels": ["cat"]},
                    },
                    {"type": "choices", "value": {"choices": ["night", "street"]}},
                    {"type": "textarea", "value": {"text": ["a remark"]}},
                ],
            }
        ],
        "predictions": [{"result": [{"type": "choices", "value": {"choices": ["machine"]}}]}],
    }
]

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>t</name></task></meta>
<image id="0" name="cam/a.jpg" width="640" height="480">
<box label="cat" occluded="0" xtl="10.00" ytl="10.00" xbr="40.00" ybr="70.00" z_order="0"><attribute name="x">1</attribute></box>
<polygon label="dog" points="1,2;11,2;11,22" /><tag label="night" />
</image></annotations>"""

AZURE_ML = '{"image_url":"azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/d/paths/in/a.jpg",\
"image_details":{"format":"jpg","width":"400px","height":"258px"},"label":"can"}\n'

SAMPLES: dict[str, tuple[str, object]] = {
    "csv": ("x.csv", "path,tags\na.jpg,cat\n"),
    "coco": ("x.json", COCO),
    "voc": ("x.xml", VOC),
    "via": ("x.json", VIA),
    "via-csv": ("x.csv", VIA_CSV),
    "yolo": ("x.txt", "0 0.5 0.5 0.1 0.1\n"),
    "label-studio": ("x.json", LABEL_STUDIO),
    "cvat": ("x.xml", CVAT),
    "azure-ml": ("x.jsonl", AZURE_ML),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_format_is_recognised_by_its_content(name: str) -> None:
    file, content = SAMPLES[name]
    text = content if isinstance(content, str) else json.dumps(content)
    assert recognise(LabelFile(file, text.encode())) == name
    assert recognise(LabelFile(file, b"\xef\xbb\xbf" + text.encode())) == name


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"a.jpg,x\n"),
        ("x.json", b"{}"),
        ("x.json", b'{"version": 3, "shapes": []}'),
        ("x.json", b'"text"'),
        ("x.xml", b"<svg/>"),
        ("x.xml", b"<not xml"),
        ("x.bin", bytes(range(256))),
        ("x", b""),
    ],
)
def test_what_no_format_looks_like_is_refused_by_name(name: str, data: bytes) -> None:
    with pytest.raises(LabelFileError, match=r"not a label format known here\. Known are csv, coco, .*docs/labels\.md"):
        list(read_labels(LabelFile(name, data)))


@pytest.mark.parametrize("name", ["coco", "voc", "via", "label-studio", "cvat"])
def test_a_file_that_was_cut_off_is_refused_as_a_whole_with_the_remedy(name: str) -> None:
    file, content = SAMPLES[name]
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(LabelFileError, match=rf"{file} is not (JSON|XML) .*Export it again"):
        list(read_labels(LabelFile(file, text.encode()[:-20]), name))


def test_entities_which_could_blow_up_a_reader_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation><filename>&b;</filename></annotation>'
    with pytest.raises(LabelFileError, match="declares entities"):
        list(read_labels(LabelFile("x.xml", bomb.encode()), "voc"))


def test_coco_boxes_are_pixels_of_the_stated_size() -> None:
    image = read_one("x.json", COCO)
    assert (image.path, image.tags, image.in_pixels, image.width, image.height) == ("street/a.jpg", ("cat",), True, 640, 480)
    assert boxes(image) == [("cat", 10, 10, 30, 60)]


def test_coco_of_azure_ml_has_boxes_in_fractions_and_sizes_of_zero() -> None:
    coco = {
        "images": [{"id": 1, "width": 0.0, "height": 0.0, "file_name": "in/a.jpg", "coco_url": "AmlDatastore://ds/in/a.jpg"}],
        "annotations": [{"id": 1, "category_id": 1, "image_id": 1, "area": 0.0, "bbox": [0.015625, 0.02083, 0.046875, 0.125]}],
        "categories": [{"id": 1, "name": "can"}],
    }
    image = read_one("x.json", coco)
    assert (image.path, image.in_pixels, image.width, image.height) == ("in/a.jpg", False, None, None)
    assert boxes(image) == [("can", 0.015625, 0.02083, 0.046875, 0.125)]
    del coco["images"][0]["file_name"]
    assert read_one("x.json", coco).path == "in/a.jpg"


def test_coco_parts_may_come_in_any_order_and_with_text_for_numbers() -> None:
    turned = {name: COCO[name] for name in ("annotations", "categories", "images")}
    turned["annotations"] = [{**COCO["annotations"][0], "image_id": "7", "category_id": "3"}]
    assert read_one("x.json", turned) == read_one("x.json", COCO)


def test_coco_outlines_without_a_box_become_their_box_and_annotations_without_either_a_tag() -> None:
    coco = COCO | {
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [[1, 2, 11, 2, 11, 22], [20, 30, 21, 31]]},
            {"id": 2, "image_id": 7, "category_id": 4},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "night"}],
    }
    image = read_one("x.json", coco)
    assert (image.tags, boxes(image)) == (("cat", "night"), [("cat", 1, 2, 20, 29)])


def test_coco_with_missing_images_categories_and_broken_boxes_tells_each_and_keeps_the_rest() -> None:
    broken = [
        {"id": 2, "image_id": 99, "category_id": 3, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 7, "category_id": 99, "bbox": [1, 2, 3, 4]},
        {"id": 4, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3]},
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, 0, 4]},
        {"id": 6, "image_id": 7, "category_id": 3, "segmentation": {"counts": "x", "size": [1, 2]}},
        "no object",
    ]
    coco = COCO | {
        "images": [*COCO["images"], {"id": 8, "file_name": "empty.jpg"}, {"id": 9}],
        "annotations": [*COCO["annotations"], *broken],
    }
    images, rejected = read("x.json", coco)
    assert [boxes(image) for image in images] == [[("cat", 10, 10, 30, 60)]]
    assert sorted(line.reason for line in rejected) == [
        "no image named",
        "no tag",
        "the annotation has no box of four numbers and no outline",
        "the annotation has no box of four numbers and no outline",
        "the annotation's category is not listed in the file",
        "the annotation's category is not listed in the file",
        "the annotation's image 99 is not listed in the file",
        "the box has no area",
    ]


def test_voc_counts_pixels_from_one_unless_a_corner_is_zero() -> None:
    assert boxes(read_one("x.xml", VOC)) == [("cat", 10, 10, 30, 60)]
    from_0 = VOC.replace("<xmin>11</xmin>", "<xmin>0</xmin>")
    assert boxes(read_one("x.xml", from_0)) == [("cat", 0, 11, 40, 59)]


def test_voc_names_the_image_by_its_file_name_or_a_path_that_is_no_other_machine_s() -> None:
    assert read_one("x.xml", VOC).path == "a.jpg"
    assert read_one("x.xml", VOC.replace("/home/me/a.jpg", "C:\\me\\a.jpg")).path == "a.jpg"
    assert read_one("x.xml", VOC.replace("/home/me/a.jpg", "2026/03/02/a.jpg")).path == "2026/03/02/a.jpg"


def test_voc_without_objects_is_an_image_that_nothing_is_said_of() -> None:
    _, (line,) = read("x.xml", "<annotation><filename>a.jpg</filename></annotation>")
    assert (line.text, line.reason) == ("a.jpg", "no tag")


@pytest.mark.parametrize(
    "content",
    [
        VIA,
        {"_via_settings": {"ui": {}}, "_via_img_metadata": VIA, "_via_attributes": {}},
        {"k": VIA["a.jpg1234"] | {"regions": {"0": VIA["a.jpg1234"]["regions"][0]}}},
    ],
    ids=["export", "project", "version 1"],
)
def test_via_rectangles_are_pixels_of_an_unstated_size(content: object) -> None:
    image = read_one("x.json", content)
    assert (image.path, image.in_pixels, image.width) == ("a.jpg", True, None)
    assert boxes(image) == [("cat", 10, 10, 30, 60)]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "polygon", "all_points_x": [1, 11, 11], "all_points_y": [2, 2, 22]}, (1, 2, 10, 20)),
        ({"name": "circle", "cx": 50, "cy": 60, "r": 10}, (40, 50, 20, 20)),
        ({"name": "ellipse", "cx": 50, "cy": 60, "rx": 10, "ry": 5}, (40, 55, 20, 10)),
    ],
)
def test_via_shapes_become_their_box(shape: dict[str, object], box: tuple[float, ...]) -> None:
    region = {"shape_attributes": shape, "region_attributes": {"animal": "cat"}}
    assert boxes(read_one("x.json", {"k": {"filename": "a.jpg", "regions": [region]}})) == [("cat", *box)]


def test_via_points_and_shapes_without_a_tag_are_refused_and_ticked_boxes_are_several_tags() -> None:
    rect = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    regions = [
        {"shape_attributes": {"name": "point", "cx": 1, "cy": 2}, "region_attributes": {"label": "cat"}},
        {"shape_attributes": rect, "region_attributes": {}},
        {"shape_attributes": rect, "region_attributes": {"type": {"cat": True, "dog": True, "cow": False}}},
    ]
    (image,), rejected = read("x.json", {"k": {"filename": "a.jpg", "regions": regions}})
    assert boxes(image) == [("cat", 1, 2, 3, 4), ("dog", 1, 2, 3, 4)]
    assert [line.reason for line in rejected] == ["a shape of kind 'point' has no area", "the shape has no tag"]


def test_via_csv_lines_of_one_file_are_one_record_and_broken_attributes_cost_one_line() -> None:
    image = read_one("x.csv", VIA_CSV)
    assert boxes(image) == [("cat", 10, 10, 30, 60), ("dog", 40, 50, 20, 20)]
    _, rejected = read("x.csv", VIA_CSV + 'b.jpg,1,"{}",1,0,"{broken","{}"\n')
    assert [(line.line, line.reason) for line in rejected] == [(4, "attributes that are not JSON")]


@pytest.mark.parametrize(
    ("file", "path", "split"),
    [
        ("labels/set/labels/train/a.txt", "a", "train"),
        ("labels/set/labels/val/2026/03/02/a.b.txt", "2026/03/02/a.b", "validation"),
        ("set/a.txt", "a", ""),
        ("a.txt", "a", ""),
    ],
)
def test_yolo_names_the_image_by_its_own_path_below_labels(file: str, path: str, split: str) -> None:
    image = read_one(file, "1 0.5 0.5 0.2 0.4\n", classes=("cat", "dog"))
    assert (image.path, image.split, image.in_pixels) == (path, split, False)
    assert boxes(image) == [("dog", 0.4, 0.3, 0.2, 0.4)]


def test_yolo_outlines_become_boxes_probabilities_are_left_and_bad_lines_told() -> None:
    text = "0 0.1 0.1 0.3 0.1 0.3 0.5\n0 0.5 0.5 0.2 0.2 0.93\n7 0.5 0.5 0.1 0.1\n0 0.5 0.5 x 0.1\n"
    (image,), rejected = read("a.txt", text, classes=("cat",))
    assert boxes(image) == [("cat", 0.1, 0.1, 0.2, 0.4), ("cat", 0.4, 0.4, 0.2, 0.2)]
    assert [(line.line, line.reason.split(",")[0]) for line in rejected] == [
        (3, "there is no class 7"),
        (4, "a line is a class and a box of four numbers"),
    ]


def test_yolo_without_names_of_classes_says_what_is_missing_and_an_empty_file_is_told() -> None:
    with pytest.raises(LabelFileError, match=r"Put a classes\.txt, obj\.names or data\.yaml beside it"):
        read("a.txt", "0 0.5 0.5 0.2 0.4\n")
    _, (line,) = read("a.txt", "", classes=("cat",))
    assert line.reason == "nothing is marked on this image"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("obj.names", "cat\r\ndog"),
        ("data.yaml", "path: x\nnames: [cat, dog]\n"),
        ("data.yaml", "names:\n  0: cat\n  1: dog\n"),
    ],
)
def test_yolo_names_of_classes_are_read_from_any_usual_file(name: str, text: str) -> None:
    assert yolo.is_names_file(f"x/{name}")
    assert is_companion(f"x/{name}")
    assert yolo.read_names(name, text.encode()) == ("cat", "dog")


@pytest.mark.parametrize("text", ["nc: 2\n", "names: 3\n", ": : :\n", "names: !!python/object:os.system x\n"])
def test_a_yaml_without_names_is_refused(text: str) -> None:
    with pytest.raises(LabelFileError, match=r"data\.yaml"):
        yolo.read_names("data.yaml", text.encode())


def test_label_studio_s_annotation_has_its_author_and_time_and_predictions_are_no_labels() -> None:
    image = read_one("x.json", LABEL_STUDIO)
    assert (image.path, image.who, image.when) == ("2026/03/02/a.jpg", "anna@example.org", datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert (image.tags, image.in_pixels, image.width, image.height) == (("cat", "night", "street"), False, 640, 480)
    assert boxes(image) == [("cat", 0.25, 0.5, 0.1, 0.2)]


def test_label_studio_s_several_annotations_are_records_of_their_own_and_skipped_ones_are_told() -> None:
    choice = {"type": "choices", "value": {"choices": ["cat"]}}
    task = {
        "data": {"image": "https://x.blob.core.windows.net/c/landing/2026/03/02/a%20b.jpg?sig=secret"},
        "annotations": [{"result": [choice]}, {"result": [choice], "completed_by": 7}, {"was_cancelled": True, "result": []}],
    }
    images, rejected = read("x.json", [task, {"data": {"image": "b.jpg"}, "annotations": []}, {"data": {"image": "c.jpg"}}])
    assert [(image.path, image.who, image.tags) for image in images] == [
        ("c/landing/2026/03/02/a b.jpg", "", ("cat",)),
        ("c/landing/2026/03/02/a b.jpg", "7", ("cat",)),
    ]
    assert [(line.line, line.reason) for line in rejected] == [
        (1, "the annotator skipped the task"),
        (2, "the task is not annotated"),
        (3, "the task is not annotated"),
    ]


@pytest.mark.parametrize(
    ("data", "path", "sha256"),
    [
        ({"image": "/data/upload/3/0a1b2c3d-IMG_1.jpg"}, "IMG_1.jpg", ""),
        ({"image": "azure-blob://container/2026/03/02/a.jpg"}, "2026/03/02/a.jpg", ""),
        (
            {"image": "http://localhost:8080/x.jpg", "path": "landing/2026/03/02/a.jpg", "sha256": DIGEST},
            "landing/2026/03/02/a.jpg",
            DIGEST,
        ),
        ({"photo": "2026/03/02/a.jpg", "note": "x"}, "2026/03/02/a.jpg", ""),
        ({"image": "a.jpg", "sha256": "none"}, "a.jpg", ""),
    ],
)
def test_label_studio_names_images_in_many_ways(data: dict[str, str], path: str, sha256: str) -> None:
    result = [{"type": "choices", "value": {"choices": ["cat"]}}]
    image = read_one("x.json", [{"data": data, "annotations": [{"result": result}]}])
    assert (image.path, image.sha256) == (path, sha256)


@pytest.mark.parametrize(
    ("result", "box"),
    [
        (
            {"type": "polygonlabels", "value": {"points": [[10, 20], [30, 20], [30, 60]], "polygonlabels": ["cat"]}},
            (0.1, 0.2, 0.2, 0.4),
        ),
        (
            {"type": "ellipselabels", "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "ellipselabels": ["cat"]}},
            (0.4, 0.3, 0.2, 0.4),
        ),
        (
            {
                "type": "rectanglelabels",
                "original_width": 200,
                "original_height": 100,
                "value": {"x": 50, "y": 50, "width": 10, "height": 10, "rotation": 90, "rectanglelabels": ["cat"]},
            },
            (0.45, 0.5, 0.05, 0.2),
        ),
    ],
)
def test_label_studio_s_shapes_become_their_upright_box(result: dict[str, object], box: tuple[float, ...]) -> None:
    image = read_one("x.json", [{"data": {"image": "a.jpg"}, "annotations": [{"result": [result]}]}])
    assert boxes(image) == [("cat", *box)]


def test_label_studio_s_brushes_and_turned_images_are_refused_and_the_rest_stays() -> None:
    results = [
        {"type": "choices", "value": {"choices": ["cat"]}},
        {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["dog"]}},
        {
            "type": "rectanglelabels",
            "image_rotation": 90,
            "value": {"x": 1, "y": 1, "width": 1, "height": 1, "rectanglelabels": ["cow"]},
        },
    ]
    (image,), rejected = read("x.json", [{"data": {"image": "a.jpg"}, "annotations": [{"result": results}]}])
    assert image.tags == ("cat",)
    assert [line.text for line in rejected] == ["dog", "cow"]


def test_label_studio_s_short_form_is_read() -> None:
    tasks: list[dict[str, object]] = [
        {"id": 1, "image": "a.jpg", "choice": "cat", "annotator": 1, "updated_at": "2026-03-02T12:00:00Z"},
        {"id": 2, "image": "b.jpg", "choice": {"choices": ["cat", "dog"]}},
        {
            "id": 3,
            "image": "c.jpg",
            "label": [
                {
                    "x": 25,
                    "y": 50,
                    "width": 10,
                    "height": 20,
                    "rectanglelabels": ["cow"],
                    "original_width": 64,
                    "original_height": 48,
                }
            ],
        },
    ]
    images, rejected = read("x.json", tasks)
    assert rejected == []
    assert [(image.path, image.tags, image.width) for image in images] == [
        ("a.jpg", ("cat",), None),
        ("b.jpg", ("cat", "dog"), None),
        ("c.jpg", ("cow",), 64),
    ]
    assert boxes(images[2]) == [("cow", 0.25, 0.5, 0.1, 0.2)]


def test_cvat_boxes_outlines_and_tags_are_read() -> None:
    image = read_one("x.xml", CVAT)
    assert (image.path, image.tags, image.in_pixels, image.width) == ("cam/a.jpg", ("cat", "dog", "night"), True, 640)
    assert boxes(image) == [("cat", 10, 10, 30, 60), ("dog", 1, 2, 10, 20)]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ('<box label="cat" xtl="10" ytl="20" xbr="30" ybr="60" rotation="90.0"/>', (0, 30, 40, 20)),
        ('<ellipse label="cat" cx="50" cy="60" rx="10" ry="5"/>', (40, 55, 20, 10)),
        ('<mask label="cat" rle="1, 2" left="3" top="4" width="5" height="6"/>', (3, 4, 5, 6)),
    ],
)
def test_cvat_shapes_become_their_upright_box(shape: str, box: tuple[float, ...]) -> None:
    image = read_one("x.xml", f'<annotations><image id="0" name="a.jpg" width="9" height="9">{shape}</image></annotations>')
    assert boxes(image) == [("cat", *box)]


def test_cvat_images_are_told_apart_and_points_refused() -> None:
    text = (
        '<annotations><image id="0" name="a.jpg"><points label="cat" points="1,2"/></image>'
        '<image id="1" name="b.jpg" subset="Train"><tag label="cat"/></image><image id="2" name="c.jpg"/></annotations>'
    )
    (image,), rejected = read("x.xml", text)
    assert (image.line, image.path, image.split) == (2, "b.jpg", "train")
    assert [(line.line, line.reason) for line in rejected] == [(1, "a shape of kind 'points' has no area"), (3, "no tag")]


@pytest.mark.parametrize(
    ("label", "tags", "box"),
    [
        ("can", ("can",), []),
        (["can", "bottle"], ("bottle", "can"), []),
        (
            [{"label": "can", "topX": 0.25, "topY": 0.3, "bottomX": 0.5, "bottomY": 0.6, "isCrowd": 0}],
            ("can",),
            [("can", 0.25, 0.3, 0.25, 0.3)],
        ),
        (
            [{"label": "can", "isCrowd": 0, "polygon": [[0.1, 0.2, 0.3, 0.2, 0.3, 0.6]]}],
            ("can",),
            [("can", 0.1, 0.2, 0.2, 0.4)],
        ),
    ],
    ids=["one", "several", "boxes", "outlines"],
)
def test_lines_of_azure_ml_are_read(label: object, tags: tuple[str, ...], box: list[tuple[object, ...]]) -> None:
    image = read_one("x.jsonl", AZURE_ML.replace('"can"', json.dumps(label)))
    assert (image.path, image.tags, image.width, image.height) == ("in/a.jpg", tags, 400, 258)
    assert boxes(image) == box


def test_a_broken_line_of_azure_ml_costs_that_line() -> None:
    (image,), rejected = read("x.jsonl", AZURE_ML + '{"image_url": "b.jpg"}\n{broken\n\n')
    assert image.line == 1
    assert [line.line for line in rejected] == [2, 3]


@pytest.mark.parametrize("name", sorted(set(READERS) - {"csv", "yolo", "voc"}))
def test_tags_with_commas_emoji_and_a_leading_equals_sign_are_kept_and_long_ones_refused(name: str) -> None:
    file, content = SAMPLES[name]
    text = content if isinstance(content, str) else json.dumps(content)
    for tag in ("a, b", "🌼", "=1+1"):
        changed = text.replace('"cat"', f'"{tag}"').replace('"can"', f'"{tag}"').replace('""cat""', f'""{tag}""')
        images, rejected = read(file, changed)
        assert (tag in images[0].tags, rejected) == (True, [])
    long = text.replace('"cat"', f'"{"x" * 500}"').replace('"can"', f'"{"x" * 500}"').replace('""cat""', f'""{"x" * 500}""')
    _, rejected = read(file, long)
    assert "tag of 500 characters, at most 128 allowed" in [line.reason for line in rejected]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("AmlDatastore://store/in/a.jpg", "in/a.jpg"),
        ("azureml://datastores/d/paths/in/a.jpg", "in/a.jpg"),
        ("https://a.blob.core.windows.net/c/x/a%20b.jpg?sv=1&sig=2", "c/x/a b.jpg"),
        ("file:///mnt/data/a.jpg", "mnt/data/a.jpg"),
        (".\\x\\a.jpg", "x/a.jpg"),
        ("../../images/a.jpg", "images/a.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
    ],
)
def test_addresses_become_paths(written: str, path: str) -> None:
    assert clean_path(written) == path


def test_a_record_says_nothing_of_an_image_it_does_not_name() -> None:
    coco = COCO | {"images": [{"id": 7, "width": 1, "height": 1}]}
    assert [line.reason for line in read("x.json", coco)[1]] == ["no image named"]


def test_regions_are_told_once_per_box() -> None:
    coco = COCO | {"annotations": COCO["annotations"] * 2}
    image = read_one("x.json", coco)
    assert image.regions == (Region("cat", 10, 10, 30, 60),) * 2
    assert image.tags == ("cat",)
