"""Images in blob storage as date-partitioned Dagster assets: resized, tagged, trained, predicted, searchable.

The data, left to right; a day of images is a partition, and every step writes one small table per day::

    landing blobs ─> raw_images ─> resized_images ─┬─> image_vectors, image_tags, … ──────┐
                                          │        │                                      │
    label files ────────────> label_records ─> tagged_manifests ──> training_sets         │
                                                   │                      │               │
                                                   │              training_iterations     │
                                                   │                      ┆ publishes     │
                                                   ├── predictions <─ published_model     │
                                                   │        │                             │
                                                   ├────────┼──> review_queues <──────────┤
                                                   └────────┴──> search_documents <───────┘

Who may import whom (a test enforces it)::

    records, errors, policies   everyone
    ports                       stages, embedded, backends, defs
    stages                      defs, cli, backends, web
    settings                    backends, cli, defs
    azure, embedded             backends only, and late; workers takes executors of embedded
    analyzers                   backends, defs: which insights there are, and who answers
    backends                    defs, cli, web, rehearsals
    workers                     backends: who works on images, and what travels to them
    rehearsals                  cli only: what `plan` plays on
    defs                        cli only, and late; Dagster lives there and in definitions.py
    web                         cli only, and late; imports ports, stages, settings, backends

Where do I go to …?

- change what a step does: `stages/<group>`; its columns: `stages/tables.py`; when it is done: `stages/state.py`
- add a step of your own to the group insights: docs/insights.md
- change what Dagster shows of it: `defs/assets/<group>.py`, `defs/metadata.py`; when it is asked for: `defs/sensors.py`
- change the skill or the gallery: `web/skill`, `web/gallery/<page>.py`
- let a port be served by something else: `ports/<port>.py` says what is promised, `backends.py` chooses,
  `imaging_assets_tests/contracts/test_<port>.py` proves it
- add a setting: `policies/<group>.py`; a command: `cli/app.py`; an error: `errors.py`
"""

import os

# Since 1.29 onnxruntime reports to Microsoft and keeps an id of the machine; it reads this once, when it is first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
