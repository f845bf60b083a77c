"""Text in images by Tesseract (extra `tesseract`): for scripts and languages that RapidOCR's models do not read.

Belongs here: asking it, and its answer in the shape of `texts.py`. Does not: language files, which the machine or the user brings.
"""

import hashlib
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image
from typing_extensions import override

from imaging_assets.embedded.analyzers.picture import open_picture
from imaging_assets.errors import SettingsError
from imaging_assets.ports.analyzer import ImageAnalyzer
from imaging_assets.records.insights import TEXTS, Columns, ImageToAnalyze, Output

_VERSION = "texts-1"
_LONGEST = 2000
_USUAL = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
"""Where systems keep language files; the wheel has none."""

Row = dict[str, Any]


class TesseractAnalyzer(ImageAnalyzer):
    """`text`, `lines` and `confidence` as `TextAnalyzer` says them.

    Args:
        language: Tesseract's name of it; several joined by `+`, as `deu+eng`.
        tessdata: Folder of the language files; by default where the system keeps them.
        minimum: Lines with a smaller confidence, 0-1, are left out.

    Raises:
        SettingsError: A language has no file.
    """

    def __init__(self, *, language: str = "eng", tessdata: str = "", minimum: float = 0.5) -> None:
        self._language, self._minimum = language, float(minimum)
        self._folder, self._digest = _language_files(language, tessdata)
        self._engines = threading.local()  # each keeps the picture it looks at

    @property
    @override
    def analyzer_id(self) -> str:
        return f"{_VERSION}+tesserocr-{version('tesserocr')}-{self._language}-{self._digest}-{self._minimum:g}"

    @property
    @override
    def columns(self) -> Columns:
        return TEXTS

    @override
    def analyze(self, image: ImageToAnalyze) -> Output:
        picture = open_picture(image.data, _LONGEST)
        lines = [line for line in self._lines(picture) if line["text"] and line["confidence"] >= self._minimum]
        sure = [line["confidence"] for line in lines]
        text = "\n".join(line["text"] for line in lines)
        return {"text": text, "lines": lines, "confidence": sum(sure) / len(sure) if sure else None}

    def _lines(self, picture: Image.Image) -> Iterator[Row]:
        import tesserocr  # noqa: PLC0415 - an extra

        engine = self._engine()
        engine.SetImage(picture)
        if not engine.Recognize():
            return
        places = engine.GetIterator()
        more = places is not None and not places.Empty(tesserocr.RIL.WORD)
        line: Row = {}
        while more:
            if places.IsAtBeginningOf(tesserocr.RIL.TEXTLINE):  # from later words on it would say only the rest
                line = _said(places, tesserocr.RIL.TEXTLINE, picture) | {"words": []}
            if (word := _said(places, tesserocr.RIL.WORD, picture))["text"]:
                line["words"].append(word)
            if places.IsAtFinalElement(tesserocr.RIL.TEXTLINE, tesserocr.RIL.WORD):
                yield line
            more = places.Next(tesserocr.RIL.WORD)

    def _engine(self) -> Any:
        import tesserocr  # noqa: PLC0415 - an extra

        if not hasattr(self._engines, "own"):
            self._engines.own = tesserocr.PyTessBaseAPI(path=str(self._folder), lang=self._language)
        return self._engines.own


def _language_files(language: str, tessdata: str) -> tuple[Path, str]:
    """The folder that has them all, and a digest of what they hold: a better file is another analyser."""
    wanted = [f"{name}.traineddata" for name in language.split("+")]
    for folder in map(Path, [tessdata] if tessdata else _USUAL):
        files = [folder / name for name in wanted]
        if all(file.is_file() for file in files):
            return folder, hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    raise SettingsError(
        f"Tesseract's {', '.join(wanted)} is not in {tessdata or 'any usual place'}. Install it (Debian: tesseract-ocr-"
        f"{language.partition('+')[0]}), or name its folder in the option `tessdata`."
    )


def _said(places: Any, level: int, picture: Image.Image) -> Row:
    text = (places.GetUTF8Text(level) or "").strip()
    left, top, right, bottom = places.BoundingBox(level)
    box = {
        "left": left / picture.width,
        "top": top / picture.height,
        "width": (right - left) / picture.width,
        "height": (bottom - top) / picture.height,
    }
    confidence = round(places.Confidence(level) / 100, 4)
    return {"text": text, "confidence": confidence, "box": {name: round(side, 5) for name, side in box.items()}}
