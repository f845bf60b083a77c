"""Settings: the server of skill and gallery."""

import os

from pydantic import Field, SecretStr

from imaging_assets.policies.group import Group


class Serve(Group):
    """The server: the Azure AI Search custom skill and the gallery."""

    host: str = Field("127.0.0.1", description="Address to listen on; another than this machine's own needs `serve.key`.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    key: SecretStr | None = Field(None, description="What callers of the skill send, and what signs a person in to the gallery.")
    host_names: tuple[str, ...] = Field(
        (),
        description="Names that callers may know this server by; none given: any, or only this machine's own where it listens there.",
    )
    open_gallery: bool = Field(
        default=False, description="Show the gallery without signing in, even where other machines can reach it."
    )
    editing: bool = Field(default=False, description="Let signed-in people label and upload in the gallery; needs `serve.key`.")
    follow_model: bool = Field(
        default=True, description="Take over a newly published model while serving; else the one published at the start stays."
    )
    model_check_seconds: float = Field(5.0, gt=0, description="Time between two looks for a newly published model.")
    warn_below: float = Field(0.0, ge=0, le=1, description="The skill warns of answers that are less sure than this.")
    answer_seconds: float = Field(
        25.0, gt=0, le=230, description="The skill answers within this time; keep it below the skillset's `timeout`."
    )
    workers: int = Field(
        default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64, description="Batches of images worked on at once."
    )
    batch: int = Field(8, ge=1, le=1000, description="Images handed to a step at once when several wait.")
    calls: int = Field(8, ge=1, le=1000, description="Calls of the skill read and worked on at once; bounds the memory.")
    waiting_calls: int = Field(
        64, ge=0, le=10_000, description="Calls that may wait for that; more are told to come again (429)."
    )
    max_body_bytes: int = Field(64_000_000, ge=1000, description="Largest call of the skill, in bytes.")
    max_image_bytes: int = Field(
        20_000_000, ge=1000, description="Largest image in a call, and largest dropped picture, in bytes."
    )
    max_upload_bytes: int = Field(100_000_000, ge=1000, description="Largest file the gallery's upload takes, in bytes.")
    max_records: int = Field(1000, ge=1, le=10_000, description="Most records in a call of the skill.")
    image_hosts: tuple[str, ...] = Field(
        (), description="Hosts the skill may fetch images from: `host`, `*.domain`, or `https://host:port`; none by default."
    )
    private_hosts: bool = Field(default=False, description="Let those hosts have private addresses (private endpoints).")
    debug: bool = Field(default=False, description="Log more; never an image, never a key.")
