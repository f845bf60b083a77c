"""Old messages run through today's steps and end under the old keys."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from imaging_assets_tests.builders import a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.cli.command_line import call_cli
from imaging_assets_tests.embedded.analyzers.faces_of import jpeg, two_faces

BATCH = "0f8fad5b-d9cb-469f-a165-70867728950e"


def a_message(folder: Path, pipeline: list[str], image: str = "a.jpg", **more: Any) -> Path:
    path = folder / "message.json"
    url = f"https://imaginemdata.blob.core.windows.net/inputimages/{BATCH}/{image}"
    job = {"id": image, "batch_id": BATCH, "input": {"image_url": url}, "processing_pipeline": pipeline, "processing_step": 0}
    path.write_text(json.dumps({"job_definition": job, "job_output": {}} | more))
    return path


def test_a_message_about_a_file_beside_it_gets_its_output(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(a_picture(1))
    message = a_message(tmp_path, ["generalclassification"], job_output={"sample": {"stringOutput": "kept"}})

    done = call_cli(tmp_path, "imaginem", "run", str(message))

    assert (done.code, done.out) == (0, f"1 of 1 steps done; the message is in {message}\n")
    finished = json.loads(message.read_text())
    assert finished["job_definition"]["processing_step"] == 1
    assert finished["job_output"].keys() == {"sample", "generalclassification"}
    said = finished["job_output"]["generalclassification"]
    assert said["metadata"] == {"width": 320, "height": 240, "format": "JPEG"}
    assert "landscape" in [tag["name"] for tag in said["tags"]]
    assert said["categories"] == []


def test_faces_of_a_message_have_the_old_shape(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="install the extra faces")
    (tmp_path / "a.jpg").write_bytes(jpeg(two_faces()))
    (tmp_path / "imaging.toml").write_text("[insights.steps.image_faces]\nenabled = true\n")
    a_pipeline(tmp_path / ".imaging")  # crops need a store
    message = a_message(tmp_path, ["facedetection", "facecrop"])

    assert call_cli(tmp_path, "imaginem", "run", str(message), "--out", "done.json").code == 0

    finished = json.loads((tmp_path / "done.json").read_text())["job_output"]
    large, small = (face["FaceRectangle"] for face in finished["facedetection"]["faces"])
    assert large["Width"] > small["Width"] > 60
    assert 400 < small["Left"] < 640
    assert len(finished["facecrop"]["facesUrls"]) == 2
    assert json.loads(message.read_text())["job_output"] == {}


def test_a_message_about_an_image_of_the_store_in_base64_is_done_whole(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    land(pipeline, {f"{BATCH}/a.jpg": a_picture(1)})
    run_chain(pipeline)
    message = a_message(tmp_path, ["generalclassification", "pipelineoutput"])
    message.write_bytes(base64.b64encode(message.read_bytes()))

    done = call_cli(tmp_path, "imaginem", "run", str(message), "--json")

    assert done.code == 0
    assert done.value["job_output"]["output"] == {"done": True}


def test_what_cannot_be_done_is_said_in_the_message_and_outside(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(a_picture(1))
    message = a_message(tmp_path, ["generalclassification", "ocr", "pipelineoutput"])

    done = call_cli(tmp_path, "imaginem", "run", str(message))

    assert done.code == 1
    assert "error: ocr: no step that runs says text. Enable one: [insights.steps.image_texts] enabled = true." in done.err
    output = json.loads(message.read_text())["job_output"]
    assert output["ocr_exception"].startswith("no step that runs says text")
    assert output["output"] == {"done": False}
    assert output["generalclassification"]["tags"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text", "is no message of Imaginem"),
        ("{}", "is no message of Imaginem"),
        ('{"job_definition": {"input": {"image_url": "x"}, "processing_pipeline": ["cook"]}}', "nobody knows the steps cook"),
        (
            '{"job_definition": {"input": {"image_url": "https://h/x/gone.jpg"}, "processing_pipeline": []}}',
            "ends with x/gone.jpg",
        ),
    ],
)
def test_what_is_no_message_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.json").write_text(text)
    done = call_cli(tmp_path, "imaginem", "run", "m.json")
    assert done.code == 2
    assert said in done.complaint
    assert (tmp_path / "m.json").read_text() == text
