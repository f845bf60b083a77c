"""A landing source in a container of its own: united with the landing place, and left exactly as it was."""

from pathlib import Path

from azure.storage.blob import BlobServiceClient

from imaging_assets.azure.blob_store import AzureBlobStore
from imaging_assets.stages.days import Days
from imaging_assets.stages.images.raw import leave_marker
from imaging_assets.stages.tables import RESIZED_IMAGES
from imaging_assets_tests.azure.azurite import KEY, a_name, azurite
from imaging_assets_tests.builders import DAY, a_picture, a_pipeline, land, run_chain
from imaging_assets_tests.doubles import over


def test_images_of_another_container_join_the_day_and_that_container_is_never_written_to(tmp_path: Path) -> None:
    service, originals = BlobServiceClient(azurite(), credential=KEY), a_name()
    store = AzureBlobStore(service, a_name(), {"factory": f"{originals}/jpeg"})
    store.create()
    container = service.get_container_client(originals)
    for name in ("a.jpg", "b.jpg"):
        container.upload_blob(f"jpeg/{DAY.replace('-', '/')}/{name}", a_picture(len(name) + ord(name[0])))
    before = [(blob.name, blob.etag) for blob in container.list_blobs()]
    pipeline = over(a_pipeline(tmp_path, landing={"sources": [{"name": "line cameras", "folder": "factory"}]}), store)
    leave_marker(pipeline)
    land(pipeline, {"a.jpg": a_picture(1)})
    run_chain(pipeline)

    rows = pipeline.manifests.read(pipeline.manifests.find("resized_images", DAY), RESIZED_IMAGES)
    assert rows.select("source", "status").rows() == [("line cameras", "passed")] * 2 + [("", "passed")]
    assert [(blob.name, blob.etag) for blob in container.list_blobs()] == before
    assert Days(pipeline).behind(DAY) is None
