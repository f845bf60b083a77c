"""Printed text is read, with places, without the network."""

import io
import socket
from typing import Never

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from imaging_assets.demo.pictures import Shot, photograph
from imaging_assets.embedded.analyzers.texts import TextAnalyzer
from imaging_assets.errors import AnalysisError
from imaging_assets.records.insights import ImageToAnalyze

pytest.importorskip("rapidocr", reason="install the extra ocr")

ANALYZER = TextAnalyzer()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Never:
        raise AssertionError("the engine wanted the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def shown(picture: Image.Image) -> ImageToAnalyze:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return ImageToAnalyze("0" * 64, buffer.getvalue(), *picture.size)


def printed(*lines: str) -> Image.Image:
    picture = Image.new("RGB", (640, 400), "white")
    for place, line in enumerate(lines):
        ImageDraw.Draw(picture).text((80, 100 + 120 * place), line, font=ImageFont.load_default(44), fill="black")
    return picture


def test_lines_and_words_are_read_with_their_places() -> None:
    said = ANALYZER.analyze(shown(printed("LOT 0042", "best before 2027")))

    assert said["text"] == "LOT 0042\nbest before 2027"
    first, second = said["lines"]
    assert [word["text"] for word in first["words"]] == ["LOT", "0042"]
    assert first["box"]["left"] == pytest.approx(80 / 640, abs=0.02)
    assert first["box"]["top"] == pytest.approx(108 / 400, abs=0.04)
    assert second["box"]["top"] > first["box"]["top"] + first["box"]["height"]
    assert first["words"][1]["box"]["left"] > first["words"][0]["box"]["left"] + first["words"][0]["box"]["width"] - 0.01
    assert said["confidence"] > 0.9


def test_a_picture_without_text_says_nothing() -> None:
    assert ANALYZER.analyze(shown(Image.new("RGB", (300, 200), "teal"))) == {"text": "", "lines": [], "confidence": None}


def test_the_demo_s_lot_plates_are_found() -> None:
    found = 0
    for lot in (7, 1234, 5096):
        picture = photograph(Shot(lot, "harbour", (640, 480), lot))
        text = ANALYZER.analyze(shown(picture))["text"]
        found += f"{lot:04d}" in text.replace(" ", "")
    assert found == 3


def test_bytes_that_are_no_picture_are_an_error_that_may_pass() -> None:
    with pytest.raises(AnalysisError, match="cannot be read"):
        ANALYZER.analyze(ImageToAnalyze("0" * 64, b"text", 1, 1))


def test_the_id_names_engine_and_options() -> None:
    assert ANALYZER.analyzer_id.startswith("texts-1+rapidocr-")
    assert TextAnalyzer(minimum=0.7).analyzer_id != ANALYZER.analyzer_id
    assert np.isclose(float(ANALYZER.analyzer_id.rpartition("-")[2]), 0.5)
