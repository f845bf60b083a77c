"""`imaging-assets plan` in profile embedded: what it tells, and that it leaves the state folder as it is."""

from pathlib import Path

from imaging_assets.stages.manifests.training_sets import gather_training_set
from imaging_assets.stages.models.iterations import iterate
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain, state_labels
from imaging_assets_tests.cli.command_line import a_folder, call_cli, cats_and_dogs


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_plan_tells_what_the_steps_then_do_and_touches_no_file(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text("[training]\nbudget_seconds = 0.01\n")
    pipeline = a_pipeline(tmp_path / ".imaging", training={"budget_seconds": 0.01})
    pictures = {
        f"{tag}-{n}.jpg": a_picture(10 * n + place, (64, 48)) for place, tag in enumerate(("cat", "dog")) for n in range(6)
    }
    land(pipeline, pictures)
    state_labels(pipeline, {f"{DAY.replace('-', '/')}/{name}": name.partition("-")[0] for name in pictures})
    before = files_of(tmp_path)

    planned = call_cli(tmp_path, "plan", "--json")

    assert planned.code == 0, planned.err
    assert files_of(tmp_path) == before
    (day,) = planned.value["days"]
    told = call_cli(tmp_path, "plan").out
    assert "12 images to read" in told
    assert "It is the first model." in told
    assert "cost        none" in told

    first = run_chain(pipeline)
    newest = pipeline.manifests.newest("tagged_manifests")
    pipeline.manifests.commit(gather_training_set(pipeline, DAY, newest)[0])
    draft, trained = iterate(pipeline, pipeline.manifests.find("training_sets", DAY), DAY, lambda _: None)
    pipeline.manifests.commit(draft)
    second = run_chain(pipeline)

    assert (day["new"], day["to_read"]) == (first["raw_images"].new, first["resized_images"].read)
    assert day["bytes_to_read"] == first["resized_images"].bytes_read
    assert day["insights"] == first["image_vectors"].embedded + first["image_tags"].analyzed
    assert day["documents"] == first["search_documents"].sent + second["search_documents"].sent
    assert day["predictions"] == second["predictions"].scored
    training = planned.value["training"]
    assert (training["trains"], training["images"], training["test_images"]) == (True, trained.images, trained.test_images)

    idle = call_cli(tmp_path, "plan", "--json").value
    assert (idle["days"], idle["training"]) == ([], None)


def test_a_plan_tells_that_a_day_would_stop_for_a_mass_deletion(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path / ".imaging")
    land(pipeline, {f"{n}.jpg": b"not an image" for n in range(25)})
    run_chain(pipeline)
    for n in range(24):
        pipeline.store.delete(f"landing/{DAY.replace('-', '/')}/{n}.jpg")

    planned = call_cli(tmp_path, "plan")

    assert planned.code == 0
    assert "24 of 25 images" in planned.out
    assert "--accept-deletions" in planned.out


def test_a_plan_without_images_says_how_to_begin(tmp_path: Path) -> None:
    a_pipeline(tmp_path / ".imaging")
    assert call_cli(tmp_path, "plan").code == 2


def test_labels_that_name_bytes_are_foretold_for_images_nobody_read(tmp_path: Path) -> None:
    (tmp_path / "imaging.toml").write_text("[training]\nbudget_seconds = 0.01\n")
    folder = a_folder(tmp_path / "pictures", cats_and_dogs(16))
    assert call_cli(tmp_path, "add", str(folder), "--day", DAY).code == 0

    value = call_cli(tmp_path, "plan", "--json").value

    training = value["training"]
    assert (training["trains"], training["images"]) == (True, 16)
    # Test images are scored while the model is judged.
    assert value["days"][0]["predictions"] == 16 - training["test_images"] > 0
