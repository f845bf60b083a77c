"""What the steps say, under the keys of Imaginem's `job_output`.

Belongs here: translating one image's answers. Does not: messages (`cli/imaginem.py`), the SQL view (`embedded/catalog.py`).

Imaginem asked services that are retired since: a key is there when a step says something of the kind, in the shape Imaginem gave it,
and nothing is made up: no age, gender, or adult score.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Answer = dict[str, Any]


def job_output(image: Mapping[str, Any], insights: Mapping[str, Mapping[str, Any]]) -> Answer:
    """The `job_output` of one image.

    Args:
        image: At least `width`, `height` and `format` of the landed image.
        insights: Answers by step, JSON read.
    """
    answer: Answer = {}
    if general := _classification(image, insights):
        answer["generalclassification"] = general
    if any("text" in output for output in insights.values()):
        answer["ocr"] = _ocr(image, insights)
    if faces := [face for output in insights.values() for face in output.get("boxes") or ()]:
        answer["facedetection"] = {"faces": [_face(image, face) for face in faces]}
    if crops := [path for output in insights.values() for path in output.get("crops") or ()]:
        answer["facecrop"] = {"facesUrls": crops}
    if prints := [item for output in insights.values() for item in output.get("prints") or ()]:
        answer["faceprint"] = {"faces": [{"FaceId": str(item["index"]), "print": item["print"]} for item in prints]}
    if any("matches" in output for output in insights.values()):
        answer["facematch"] = {"matches": [match for output in insights.values() for match in output.get("matches") or ()]}
    return answer


def _classification(image: Mapping[str, Any], insights: Mapping[str, Mapping[str, Any]]) -> Answer:
    tags = list(dict.fromkeys(tag for output in insights.values() for tag in output.get("tags") or ()))
    captions = [output["caption"] for output in insights.values() if output.get("caption")]
    colours: Answer = next((output["colours"] for output in insights.values() if output.get("colours")), {})
    scores = {name: score for output in insights.values() for name, score in (output.get("scores") or {}).items()}
    if not tags and not captions:
        return {}
    return {
        "categories": [],
        "tags": [{"name": tag, "confidence": scores.get(tag, 1.0)} for tag in tags],
        "description": {"tags": tags, "captions": [{"text": text, "confidence": 1.0} for text in captions]},
        "color": {"dominantColors": [name.capitalize() for name in colours], "isBWImg": "black and white" in tags},
        "metadata": {"width": image["width"], "height": image["height"], "format": image["format"]},
    }


def _ocr(image: Mapping[str, Any], insights: Mapping[str, Mapping[str, Any]]) -> Answer:
    texts = [output for output in insights.values() if "text" in output]
    lines = [line for output in texts for line in output.get("lines") or ()]
    regions = [{"boundingBox": _box(_whole(lines), image), "lines": list(_lines(lines, image))}] if lines else []
    # Imaginem joined every token; so programs find words, whatever broke the lines.
    full = " ".join(" ".join((output["text"] or "").split()) for output in texts).strip()
    return {"ocr": {"language": "unk", "orientation": "Up", "regions": regions}, "OCR_fullText": full}


def _lines(lines: Sequence[Answer], image: Mapping[str, Any]) -> Iterator[Answer]:
    for line in lines:
        words = line.get("words") or [line]
        yield {
            "boundingBox": _box(line["box"], image),
            "words": [{"boundingBox": _box(word["box"], image), "text": word["text"]} for word in words],
        }


def _whole(lines: Sequence[Answer]) -> Answer:
    boxes = [line["box"] for line in lines]
    left, top = min(box["left"] for box in boxes), min(box["top"] for box in boxes)
    right = max(box["left"] + box["width"] for box in boxes)
    return {"left": left, "top": top, "width": right - left, "height": max(box["top"] + box["height"] for box in boxes) - top}


def _pixels(box: Mapping[str, float], image: Mapping[str, Any]) -> tuple[int, int, int, int]:
    width, height = image["width"], image["height"]
    sides = (box["left"] * width, box["top"] * height, box["width"] * width, box["height"] * height)
    left, top, across, down = (round(side) for side in sides)
    return left, top, across, down


def _box(box: Mapping[str, float], image: Mapping[str, Any]) -> str:
    """`left,top,width,height` in pixels of the landed image."""
    return ",".join(str(side) for side in _pixels(box, image))


def _face(image: Mapping[str, Any], face: Mapping[str, Any]) -> Answer:
    left, top, width, height = _pixels(face, image)
    return {"FaceId": str(face["index"]), "FaceRectangle": {"Width": width, "Height": height, "Left": left, "Top": top}}
