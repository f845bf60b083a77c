"""The story of the demo: its numbers are those it promises, and its files are what it says."""

import csv
import hashlib
from collections import Counter
from datetime import date

import pytest

from imaging_assets.demo.story import EXPECTATIONS, SCENES, DemoFile, days, truth
from imaging_assets_tests.demo.landed import arrived, decode, landed


def rows_of(file: DemoFile) -> list[tuple[str, str]]:
    header, *rows = csv.reader(file.data.decode().splitlines())
    assert header == ["path", "tags"]
    return [(path, tags) for path, tags in rows]


def named(row_path: str, paths: list[str]) -> list[str]:
    """The paths a label row names: equal to it, or ending in it, whatever the case of the extension."""

    def folded(path: str) -> str:
        stem, _, extension = path.rpartition(".")
        return f"{stem}.{extension.lower()}"

    return [path for path in paths if f"/{folded(path)}".endswith(f"/{folded(row_path)}")]


def labels_of_first_days(count: int) -> dict[str, set[str]]:
    """Path to tags after so many days, corrections left out."""
    labels: dict[str, set[str]] = {}
    for day, arrivals in zip(days()[:count], arrived(), strict=False):
        for row_path, tag in rows_of(day.label_files[0]):
            for path in named(row_path, list(arrivals)):
                labels.setdefault(path, set()).add(tag)
    return labels


def test_four_days_of_march_2026_bring_48_48_36_and_20_files() -> None:
    assert [day.day for day in days()] == [date(2026, 3, number) for number in (2, 3, 4, 5)]
    assert [len(day.arrivals) for day in days()] == [48, 48, 36, 20]


def test_arrivals_lie_under_the_folder_of_their_day_unless_they_replace_an_older_file() -> None:
    seen: set[str] = set()
    for day in days():
        strangers = [file.path for file in day.arrivals if not file.path.startswith(f"{day.day:%Y/%m/%d}/")]
        assert set(strangers) <= seen
        seen |= {file.path for file in day.arrivals}


@pytest.mark.slow
def test_the_blobs_at_the_end_are_as_many_as_expected() -> None:
    readable = [path for path, data in landed().items() if decode(data)]
    assert len(landed()) == EXPECTATIONS.landed
    assert len(readable) == EXPECTATIONS.images
    assert len(landed()) - len(readable) == EXPECTATIONS.quarantined


def test_exact_duplicates_are_equal_bytes_one_within_a_day_and_one_across_days() -> None:
    paths: dict[str, list[str]] = {}
    for path, data in landed().items():
        paths.setdefault(hashlib.sha256(data).hexdigest(), []).append(path)
    doubled = [sorted(same) for same in paths.values() if len(same) > 1]
    assert sum(len(same) - 1 for same in doubled) == EXPECTATIONS.exact_duplicates
    assert sorted(len({path[:10] for path in same}) for same in doubled) == [1, 2]


def test_each_days_labels_name_one_image_per_row_but_one_row_names_nothing() -> None:
    unmatched = 0
    for day, arrivals in zip(days(), arrived(), strict=True):
        counts = Counter(len(named(path, list(arrivals))) for path, _ in rows_of(day.label_files[0]))
        assert set(counts) == {0, 1}
        unmatched += counts[0]
    assert unmatched == EXPECTATIONS.unmatched_label_lines


def test_bare_file_names_and_extensions_in_another_case_occur_in_the_label_files() -> None:
    every = sorted({path for arrivals in arrived() for path in arrivals})
    rows = [path for day in days() for path, _ in rows_of(day.label_files[0])]
    assert any("/" not in path for path in rows)
    assert any("/" in path and path not in every and named(path, every) for path in rows)
    assert all(len(named(path, every)) <= 1 for path in rows)


def test_about_three_quarters_of_the_images_are_labelled() -> None:
    assert 0.7 < len(labels_of_first_days(4)) / sum(len(arrivals) for arrivals in arrived()) < 0.8


def test_by_the_end_of_the_second_day_each_class_has_twenty_labelled_images_but_not_by_the_first() -> None:
    def per_class(count: int) -> Counter[str]:
        shown = truth()
        return Counter(shown[path] for path, tags in labels_of_first_days(count).items() if tags == {shown.get(path)})

    assert max(per_class(1).values()) < 15
    assert min(per_class(2)[scene] for scene in SCENES) >= 20


def test_the_only_wrong_labels_are_the_one_corrected_on_day_three_and_the_one_that_contradicts_its_copy() -> None:
    shown, labels = truth(), labels_of_first_days(4)
    replaced = set(arrived()[1]) & set(arrived()[3])
    wrong = {path for path, tags in labels.items() if tags != {shown.get(path, *tags)} and path not in replaced}
    [(corrected, right)] = rows_of(days()[2].label_files[1])
    assert days()[2].label_files[1].path == "corrections.csv"
    assert right == shown[corrected]
    assert corrected in wrong
    assert corrected in arrived()[0]
    [copy] = wrong - {corrected}
    [original] = [path for path, data in arrived()[0].items() if data == arrived()[2][copy]]
    assert labels[original] != labels[copy]
    assert len(wrong) == EXPECTATIONS.corrected + EXPECTATIONS.conflicts


def test_moves_deletions_and_the_changed_image_touch_what_is_there() -> None:
    first, second, _, last = arrived()
    [(old, new)] = days()[2].moves
    assert old in second
    assert old.rpartition("/")[0] == new.rpartition("/")[0]
    assert new not in second
    assert all(path in first for path in days()[3].deletions)
    replaced = [path for path in last if path in second]
    assert len(replaced) == EXPECTATIONS.changed
    assert all(last[path] != second[path] for path in replaced)
    assert sum(len(day.moves) for day in days()) == EXPECTATIONS.moved
    assert sum(len(day.deletions) for day in days()) == EXPECTATIONS.deleted


def test_all_files_together_stay_below_sixty_megabytes_and_four_are_too_big_to_send() -> None:
    sizes = [len(data) for arrivals in arrived() for data in arrivals.values()]
    assert sum(sizes) <= 60_000_000
    assert sum(size > 6 * 1024 * 1024 for size in sizes) == 4
    assert sorted(sizes)[len(sizes) * 9 // 10] < 300_000
