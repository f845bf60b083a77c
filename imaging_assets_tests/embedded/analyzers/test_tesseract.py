"""Tesseract says what RapidOCR says, in the same shape."""

import threading
from pathlib import Path

import pytest
from PIL import Image

from imaging_assets.embedded.analyzers.tesseract import TesseractAnalyzer
from imaging_assets.errors import AnalysisError, SettingsError
from imaging_assets.records.insights import ImageToAnalyze, Output
from imaging_assets_tests.embedded.analyzers.test_texts import printed, shown


@pytest.fixture(scope="module")
def analyzer() -> TesseractAnalyzer:
    pytest.importorskip("tesserocr", reason="install the extra tesseract")
    try:
        return TesseractAnalyzer()
    except SettingsError:
        pytest.skip("install Tesseract's English (Debian: tesseract-ocr-eng)")


def test_lines_and_words_are_read_with_their_places(analyzer: TesseractAnalyzer) -> None:
    said = analyzer.analyze(shown(printed("LOT 0042", "best before 2027")))

    assert said["text"] == "LOT 0042\nbest before 2027"
    first, second = said["lines"]
    assert [word["text"] for word in first["words"]] == ["LOT", "0042"]
    assert first["box"]["left"] == pytest.approx(80 / 640, abs=0.02)
    assert first["box"]["top"] == pytest.approx(108 / 400, abs=0.04)
    assert second["box"]["top"] > first["box"]["top"] + first["box"]["height"]
    assert first["words"][1]["box"]["left"] > first["words"][0]["box"]["left"] + first["words"][0]["box"]["width"] - 0.01
    assert said["confidence"] > 0.8


def test_a_picture_without_text_says_nothing(analyzer: TesseractAnalyzer) -> None:
    assert analyzer.analyze(shown(Image.new("RGB", (300, 200), "teal"))) == {"text": "", "lines": [], "confidence": None}


def test_threads_read_their_own_picture(analyzer: TesseractAnalyzer) -> None:
    said: dict[str, Output] = {}

    def read(text: str) -> None:
        said[text] = analyzer.analyze(shown(printed(text)))

    threads = [threading.Thread(target=read, args=(f"LOT {number}",)) for number in (1234, 5678, 9999)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {text: answer["text"] for text, answer in said.items()} == {text: text for text in said}


def test_bytes_that_are_no_picture_are_an_error_that_may_pass(analyzer: TesseractAnalyzer) -> None:
    with pytest.raises(AnalysisError, match="cannot be read"):
        analyzer.analyze(ImageToAnalyze("0" * 64, b"text", 1, 1))


def test_a_language_without_a_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"xyz\.traineddata is not in .*Install it"):
        TesseractAnalyzer(language="xyz", tessdata=str(tmp_path))


def test_the_id_follows_the_language_file(tmp_path: Path) -> None:
    pytest.importorskip("tesserocr", reason="install the extra tesseract")
    (tmp_path / "eng.traineddata").write_bytes(b"first")
    first = TesseractAnalyzer(tessdata=str(tmp_path)).analyzer_id
    (tmp_path / "eng.traineddata").write_bytes(b"second")

    assert TesseractAnalyzer(tessdata=str(tmp_path)).analyzer_id != first
