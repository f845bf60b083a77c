"""An evaluation as two small pictures: which tags are taken for which, and precision by recall.

Belongs here: drawing. Does not: the numbers (`evaluation`), showing them (`defs/metadata.py`). Drawn with Pillow: a plotting library would
be a second's import and fifty megabytes for two pictures.
"""

import io
from collections import Counter
from collections.abc import Iterable, Mapping

from PIL import Image, ImageDraw, ImageFont

from imaging_assets.records.models import Evaluation

_MOST_TAGS = 16
_MOST_CURVES = 8
_CELL, _NAME, _NAME_LETTERS = 30, 104, 15
_PLOT, _EDGE = 300, 40
_INK, _GREY, _PAPER = "#202124", "#dadce0", "#ffffff"
_RIGHT, _WRONG = (24, 128, 56), (197, 34, 31)
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf")


def draw(evaluation: Evaluation) -> dict[str, bytes]:
    """PNG files by name, a few KB each; none without test images."""
    found = {}
    if evaluation.confusion:
        found["confusion_matrix"] = _png(_confusion_matrix(evaluation.confusion))
    if evaluation.curves:
        found["precision_by_recall"] = _png(_curves(evaluation))
    return found


def _confusion_matrix(confusion: Mapping[tuple[str, str], int]) -> Image.Image:
    """A row per tag, a column per answer; of many tags, those with the most mistakes."""
    tags, left_out = _worst(confusion)
    answers = [*tags, *sorted({answer for _, answer in confusion if answer and answer not in {tag for tag, _ in confusion}})]
    answers = [*answers[:_MOST_TAGS], *([""] if any(not answer for _, answer in confusion) else [])]
    image, pen = _sheet(_NAME + _CELL * len(answers) + 10, _NAME + _CELL * len(tags) + 30)
    for row, tag in enumerate(tags):
        top = _NAME + row * _CELL
        _text(pen, (_NAME - 6, top + _CELL / 2), _short(tag), "rm")
        total = max(1, sum(number for (truth, _), number in confusion.items() if truth == tag))
        for column, answer in enumerate(answers):
            _cell(pen, _NAME + column * _CELL, top, confusion.get((tag, answer), 0), total, is_right=tag == answer)
    for column, answer in enumerate(answers):
        _upright(image, _NAME + column * _CELL, _short(answer) or "no answer")
    told = f"; {left_out} tags with fewer mistakes left out" if left_out else ""
    _text(pen, (6, image.height - 14), f"rows: label, columns: answer{told}", "lm")
    return image


def _worst(confusion: Mapping[tuple[str, str], int]) -> tuple[list[str], int]:
    """The tags to show, in alphabetical order, and how many are not."""
    mistakes: Counter[str] = Counter({tag: 0 for tag, _ in confusion})
    for (tag, answer), number in confusion.items():
        for side in {tag, answer} & mistakes.keys() if tag != answer else ():
            mistakes[side] += number
    shown = sorted(mistakes, key=lambda tag: (-mistakes[tag], tag))[:_MOST_TAGS]
    return sorted(shown), len(mistakes) - len(shown)


def _cell(pen: ImageDraw.ImageDraw, left: int, top: int, number: int, total: int, *, is_right: bool) -> None:
    strength = number / total
    full = _RIGHT if is_right else _WRONG
    colour = tuple(round(255 - strength * (255 - part)) for part in full)
    pen.rectangle((left, top, left + _CELL, top + _CELL), fill=colour, outline=_GREY)
    if number:
        ink = _PAPER if strength > 0.5 else _INK
        pen.text((left + _CELL / 2, top + _CELL / 2), f"{number}", fill=ink, font=_font(12), anchor="mm")


def _curves(evaluation: Evaluation) -> Image.Image:
    """A curve per tag, the worst ones first."""
    worst = sorted(evaluation.per_tag, key=lambda score: (score.average_precision, score.tag))[:_MOST_CURVES]
    image, pen = _sheet(_PLOT + 2 * _EDGE + 160, _PLOT + 2 * _EDGE)
    for part in range(5):
        at = _EDGE + part * _PLOT / 4
        pen.line((_EDGE, at, _EDGE + _PLOT, at), fill=_GREY)
        pen.line((at, _EDGE, at, _EDGE + _PLOT), fill=_GREY)
        _text(pen, (_EDGE - 6, at), f"{1 - part / 4:g}", "rm")
        _text(pen, (at, _EDGE + _PLOT + 6), f"{part / 4:g}", "mt")
    _text(pen, (_EDGE, 16), "precision", "lm")
    _text(pen, (_EDGE + _PLOT, _EDGE + _PLOT + 28), "recall", "rm")
    for colour, score in zip(_COLOURS, worst, strict=False):
        pen.line(list(_steps(evaluation.curves[score.tag])), fill=colour, width=2)
        top = _EDGE + 18 * worst.index(score)
        pen.rectangle((_EDGE + _PLOT + 14, top, _EDGE + _PLOT + 24, top + 10), fill=colour)
        _text(pen, (_EDGE + _PLOT + 30, top + 5), f"{_short(score.tag)} {score.average_precision:.2f}", "lm")
    if left_out := len(evaluation.per_tag) - len(worst):
        _text(pen, (_EDGE + _PLOT + 14, _EDGE + 18 * len(worst) + 5), f"{left_out} better ones", "lm")
    return image


def _steps(curve: Iterable[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Corners of a curve on the sheet; precision holds from one recall to the next."""
    before = 0.0
    for recall, precision in curve:
        down = _EDGE + (1 - precision) * _PLOT
        yield _EDGE + before * _PLOT, down
        yield _EDGE + recall * _PLOT, down
        before = recall


def _sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), _PAPER)
    return image, ImageDraw.Draw(image)


def _text(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str) -> None:
    pen.text(place, text, fill=_INK, font=_font(12), anchor=anchor)


def _upright(image: Image.Image, left: int, text: str) -> None:
    """Text that climbs above a column."""
    label, pen = _sheet(_NAME - 6, _CELL)
    _text(pen, (0, _CELL / 2), text, "lm")
    image.paste(label.rotate(90, expand=True), (left, 0))


def _short(tag: str) -> str:
    """One line of letters the font may have, not too many."""
    tag = " ".join(tag.split())
    return tag if len(tag) <= _NAME_LETTERS else f"{tag[: _NAME_LETTERS - 1]}…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
