"""The story of the demo: which files land on which day, what people say about them, what they move and delete.

Belongs here: plain data, made from one table of shots and a list of incidents. Does not: how a picture is made (`scenes`,
`pictures`) and who writes it into a store (the caller). Promise: the story itself costs nothing; the bytes of a file are
made when `DemoFile.data` is read, each time anew, so that memory stays small and several processes can share the work.
"""

import csv
import functools
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from imaging_assets.demo.pictures import Shot, take, take_truncated
from imaging_assets.demo.scenes import Scene

SCENES: tuple[Scene, ...] = ("city", "desert", "harbour", "meadow")
FIRST_DAY = date(2026, 3, 2)


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A file of the demo: `path` relative to its place, and the recipe of its bytes (picklable)."""

    path: str
    make: Callable[[], bytes]

    @property
    def data(self) -> bytes:
        """The bytes, made now; the same bytes each time."""
        return self.make()


@dataclass(frozen=True, slots=True)
class DemoDay:
    """What happens on one day.

    Attributes:
        day: The day; it is also the day folder of the arrivals.
        title: One sentence for people.
        arrivals: Files for the landing place; a path that exists already is replaced.
        label_files: Files for the place of labels.
        moves: Landing paths, old and new.
        deletions: Landing paths.
    """

    day: date
    title: str
    arrivals: tuple[DemoFile, ...]
    label_files: tuple[DemoFile, ...]
    moves: tuple[tuple[str, str], ...] = ()
    deletions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoExpectations:
    """The truth after the last day of `days()`.

    Attributes:
        landed: Blobs in the landing place.
        images: Of these, the readable ones.
        quarantined: Of these, the unreadable ones.
        exact_duplicates: Images whose bytes had landed before under another path.
        near_duplicates: Images that show an earlier one, re-encoded, resized or brighter.
        conflicts: Contents with contradicting labels under two paths.
        corrected: Images whose label a later file changed.
        unmatched_label_lines: Label lines that name no image.
        moved: Blobs that got another path.
        deleted: Blobs that were removed.
        changed: Paths that got other bytes.
    """

    landed: int = 150
    images: int = 147
    quarantined: int = 3
    exact_duplicates: int = 2
    near_duplicates: int = 4
    conflicts: int = 1
    corrected: int = 1
    unmatched_label_lines: int = 4
    moved: int = 1
    deleted: int = 1
    changed: int = 1


EXPECTATIONS = DemoExpectations()

_RANGES = (range(1, 47), range(47, 91), range(91, 122), range(122, 139))
"""Numbers of the ordinary shots of each day."""

_SIZES = ((640, 480), (800, 600), (640, 480), (960, 720), (800, 600), (600, 800), (640, 480), (1280, 960))
_BIG_SHOTS = (6, 34, 62, 102)
_PLACES = {"city": (40.758, -73.9855), "desert": (24.73, -15.5), "harbour": (62.1, 7.2), "meadow": (47.56, 12.98)}
_MISLABELLED, _DELETED, _MOVED, _CHANGED, _CONFLICTING, _COPIED = 9, 11, 65, 79, 20, 55


def scene_of(number: int) -> Scene:
    """What shot `number` shows: each four in a row show all classes, in turning order."""
    return SCENES[(number + number // 4) % 4]


def shot_of(number: int) -> Shot:
    """The shot of that number."""
    morning = datetime.combine(day_of(number), time(8))
    return Shot(
        seed=number,
        scene=scene_of(number),
        size=(4608, 3456) if number in _BIG_SHOTS else _SIZES[number % len(_SIZES)],
        quality=97 if number in _BIG_SHOTS else 86,
        lot=number - 1 if number % 5 == 3 else None,
        format="gray" if number == 50 else "png" if number == 38 else "jpeg",
        taken_at=morning + timedelta(seconds=number * 197) if number % 6 == 1 else None,
        place=_PLACES[scene_of(number)] if number % 12 == 1 else None,
    )


def day_of(number: int) -> date:
    """The day on which shot `number` lands."""
    return FIRST_DAY + timedelta(days=next(index for index, numbers in enumerate(_RANGES) if number in numbers))


def path_of(number: int) -> str:
    """The landing path of shot `number`."""
    extension = "png" if number == 38 else "JPG" if number % 10 == 0 else "jpg"
    camera = f"camera-1/IMG_{number:04d}" if number % 2 else f"camera-2/DSC_{number:04d}"
    return f"{day_of(number):%Y/%m/%d}/{camera}.{extension}"


def _is_labelled(number: int) -> bool:
    # People label nearly everything at first, and less once the model helps them.
    if number < _RANGES[2].start:
        return number % 12 != 0
    return number % 2 == 0 if number < _RANGES[3].start else number % 5 < 2


@dataclass(frozen=True, slots=True)
class _Incident:
    """A file beside the ordinary shots: what it shows (None: no picture) and what its day's label file says (None: nothing)."""

    path: str
    make: Callable[[], bytes]
    scene: Scene | None
    label: Scene | None


def _copy(number: int, path: str, label: Scene | None) -> _Incident:
    return _Incident(path, functools.partial(take, shot_of(number)), scene_of(number), label)


def _odd(path: str, shot: Shot, *, labelled: bool = True) -> _Incident:
    return _Incident(path, functools.partial(take, shot), shot.scene, shot.scene if labelled else None)


def _not_a_picture() -> bytes:
    return b"Camera 1 was out of storage from 14:05 to 15:20.\n"


def _incidents() -> tuple[tuple[_Incident, ...], ...]:
    """The special files of each day."""
    half_past_nine = datetime.combine(FIRST_DAY, time(9, 30))
    phone = Shot(seed=201, scene="harbour", size=(800, 600), taken_at=half_past_nine, sideways=True)
    broken = functools.partial(take_truncated, Shot(seed=202, scene="city", size=(800, 600)))
    scan = Shot(seed=203, scene="desert", size=(640, 480), format="png")
    cutout = Shot(seed=204, scene="meadow", size=(640, 480), format="transparent")
    web = Shot(seed=205, scene="harbour", size=(960, 720), format="webp")
    other = Shot(seed=206, scene="desert", size=(800, 600))
    return (
        (
            _odd("2026/03/02/phone/P_0201.jpg", phone),
            _Incident("2026/03/02/camera-2/DSC_0202.jpg", broken, None, "city"),
        ),
        (
            _copy(_COPIED, path_of(_COPIED).replace(".jpg", " (1).jpg"), None),
            _odd("2026/03/03/phone/P_0014-small-file.jpg", replace(shot_of(14), quality=45)),
            _odd("2026/03/03/phone/P_0203.png", scan),
            _Incident("2026/03/03/camera-1/IMG_0207.jpg", bytes, None, None),
        ),
        (
            _copy(_CONFLICTING, "2026/03/04/camera-2/DSC_0020-copy.JPG", SCENES[SCENES.index(scene_of(_CONFLICTING)) - 1]),
            _odd("2026/03/04/phone/P_0026-resized.jpg", replace(shot_of(26), shrink=0.9)),
            _odd("2026/03/04/phone/P_0053-brighter.jpg", replace(shot_of(53), brightness=1.15), labelled=False),
            _odd("2026/03/04/phone/P_0204.png", cutout, labelled=False),
            _Incident("2026/03/04/camera-1/IMG_0208.jpg", _not_a_picture, None, None),
        ),
        (
            _odd("2026/03/05/phone/P_0095-small-file.jpg", replace(shot_of(95), quality=40)),
            _odd("2026/03/05/phone/P_0205.webp", web),
            _odd(path_of(_CHANGED), other, labelled=False),
        ),
    )


def _written(number: int) -> str:
    """How people write the path of a shot: in full, as a bare file name, or with the extension in the other case."""
    path = path_of(number)
    if number % 7 == 0:
        return path.rpartition("/")[2]
    stem, dot, extension = path.rpartition(".")
    return stem + dot + extension.swapcase() if number % 11 == 0 else path


def label_file(name: str, rows: list[tuple[str, str]]) -> DemoFile:
    """A CSV with the header `path,tags`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("path", "tags"), *rows])
    return DemoFile(name, functools.partial(bytes, text.getvalue(), "utf-8"))


def _labels(index: int, incidents: tuple[_Incident, ...]) -> DemoFile:
    rows: list[tuple[str, str]] = []
    for number in _RANGES[index]:
        if _is_labelled(number):
            wrong = number == _MISLABELLED
            rows.append((_written(number), SCENES[SCENES.index(scene_of(number)) - 1] if wrong else scene_of(number)))
    rows += [(incident.path, incident.label) for incident in incidents if incident.label]
    day = FIRST_DAY + timedelta(days=index)
    rows.append((f"{day:%Y/%m/%d}/camera-1/IMG_9{index:03d}.jpg", "meadow"))
    return label_file(f"{day}.csv", rows)


_TITLES = (
    "Two cameras and a phone deliver their first pictures; one file is cut off, one label is wrong.",
    "More pictures, enough to train on; one copy, one re-saved picture, one empty file.",
    "People label less, correct a label of the first day, move a picture and bring back older ones.",
    "Few pictures: one path gets other bytes, one picture of the first day is deleted.",
)


def days() -> tuple[DemoDay, ...]:
    """The four days of scenes, in order; nothing is painted before a file's `data` is read."""
    story = []
    for index, (title, incidents) in enumerate(zip(_TITLES, _incidents(), strict=True)):
        shots = tuple(DemoFile(path_of(number), functools.partial(take, shot_of(number))) for number in _RANGES[index])
        files = [_labels(index, incidents)]
        if index == 2:
            files.append(label_file("corrections.csv", [(path_of(_MISLABELLED), scene_of(_MISLABELLED))]))
        story.append(
            DemoDay(
                day=FIRST_DAY + timedelta(days=index),
                title=title,
                arrivals=shots + tuple(DemoFile(incident.path, incident.make) for incident in incidents),
                label_files=tuple(files),
                moves=((path_of(_MOVED), path_of(_MOVED).replace("IMG_", "kept_IMG_")),) if index == 2 else (),
                deletions=(path_of(_DELETED),) if index == 3 else (),
            )
        )
    return tuple(story)


def truth() -> dict[str, Scene]:
    """What each picture shows, by the landing path of its arrival (a replaced path: what it shows at the end)."""
    shown: dict[str, Scene] = {path_of(number): scene_of(number) for numbers in _RANGES for number in numbers}
    shown.update((incident.path, incident.scene) for day in _incidents() for incident in day if incident.scene)
    return shown
