"""Statements: added, bound, retracted, and the days they concern."""

from collections.abc import Callable
from pathlib import Path

from imaging_assets.policies import Labels
from imaging_assets.stages.manifests.labels import label_digests, refresh_labels
from imaging_assets.stages.pipeline import Pipeline
from imaging_assets.stages.state import ALL
from imaging_assets.stages.tables import LABEL_RECORDS, RESIZED_IMAGES, TAGGED_MANIFESTS
from imaging_assets_tests.builders import DAY, a_pipeline
from imaging_assets_tests.doubles import CountingBlobStore, over
from imaging_assets_tests.stages.manifests.days import NEXT_DAY, NOON, a_day, follow_labels, sha, statements, write_labels
from imaging_assets_tests.stages.manifests.days import tag as tag_a_day
from imaging_assets_tests.stages.manifests.days import tags_of as tags_that_stand

LATER_DAY = "2026-03-04"


def digests(pipeline: Pipeline) -> dict[str, str]:
    return label_digests(pipeline, pipeline.manifests.look_up(LABEL_RECORDS.asset, ALL))


def days_concerned(pipeline: Pipeline, change: Callable[[], object]) -> set[str]:
    """Days whose label digest differs after a change."""
    before = digests(pipeline)
    change()
    follow_labels(pipeline)
    after = digests(pipeline)
    return {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}


def tags_of(pipeline: Pipeline, day: str = DAY) -> dict[str, list[str]]:
    """Tags of a day, made again where its inputs say so."""
    tag_a_day(pipeline, day)
    return tags_that_stand(pipeline, day)


def day_reads(store: CountingBlobStore) -> list[str]:
    """Days whose manifest was read."""
    return [path.removeprefix("manifests/resized_images/")[:10] for path in store.reads_below("manifests/resized_images/")]


def test_lines_are_bound_to_bytes_and_the_rest_is_reported_with_file_line_and_reason(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "x/b.jpg": "two", "y/b.jpg": "three"})
    write_labels(tmp_path, "x.csv", "path,tags\na.jpg,cat\nb.jpg,dog\nc.jpg,dog\nd.jpg,\n")

    report = follow_labels(pipeline)

    assert (report.files, report.statements, report.files_read, report.days_read) == (1, 4, 1, 1)
    assert (report.bound, report.ambiguous, report.unmatched, report.rejected, report.retracted) == (1, 1, 1, 1, 0)
    folder = "landing/2026/03/02/"
    assert report.open_lines == (
        ("labels/x.csv", 3, "b.jpg", f"2 different images have this name: {folder}x/b.jpg, {folder}y/b.jpg"),
        ("labels/x.csv", 4, "c.jpg", "no landed image has this name"),
        ("labels/x.csv", 5, "d.jpg,", "no tag"),
    )
    bound = statements(pipeline)[0]
    assert (bound["sha256"], bound["path"], bound["stated_at"]) == (sha("one"), f"{folder}a.jpg", NOON)


def test_a_label_may_come_before_its_image_and_binds_when_it_comes(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n2026/03/03/b.jpg,dog\n")
    a_day(pipeline, {"other.jpg": "other"})
    assert follow_labels(pipeline).unmatched == 2

    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"}, NEXT_DAY)
    report = follow_labels(pipeline)

    assert (report.bound, report.unmatched, report.files_read) == (2, 0, 0)
    assert tags_of(pipeline, NEXT_DAY) == {"a.jpg": ["cat"], "b.jpg": ["dog"]}


def test_without_any_image_or_label_there_is_an_empty_table(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    report = follow_labels(pipeline)
    assert (report.files, report.statements, statements(pipeline), digests(pipeline)) == (0, 0, [], {})


def test_a_day_without_labels_has_no_digest(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"b.jpg": "two"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    assert set(digests(pipeline)) == {DAY}


def test_a_dropped_line_is_retracted_and_never_removed(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\n")
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "b.jpg,dog\n", hours=1)

    report = follow_labels(pipeline)

    assert (report.statements, report.bound, report.retracted) == (1, 1, 1)
    assert {row["selector"]: row["retracted_at"] for row in statements(pipeline)} == {
        "a.jpg": NOON.replace(hour=13),
        "b.jpg": None,
    }
    assert tags_of(pipeline) == {"a.jpg": [], "b.jpg": ["dog"]}


def test_a_deleted_file_retracts_all_its_lines(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n,broken\n")
    write_labels(tmp_path, "y.csv", "b.jpg,dog\n", hours=1)
    follow_labels(pipeline)
    pipeline.store.delete("labels/x.csv")

    report = follow_labels(pipeline)

    assert (report.files, report.statements, report.retracted, report.open_lines) == (1, 1, 2, ())
    assert {row["selector"]: row["retracted_at"] is None for row in statements(pipeline)} == {
        "a.jpg": False,
        ",broken": False,
        "b.jpg": True,
    }
    assert tags_of(pipeline) == {"a.jpg": [], "b.jpg": ["dog"]}


def test_a_restated_line_keeps_the_image_it_was_first_bound_to(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "", hours=1)
    follow_labels(pipeline)
    a_day(pipeline, {"moved.jpg": "one", "a.jpg": "another"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=2)

    report = follow_labels(pipeline)

    assert (report.statements, report.bound) == (1, 1)
    bound = [row for row in statements(pipeline) if row["status"] == "bound"]  # the empty file was told, and that went
    assert [(row["sha256"], row["stated_at"].hour) for row in bound] == [(sha("one"), 14)]
    assert tags_of(pipeline) == {"moved.jpg": ["cat"], "a.jpg": []}


def test_a_restated_line_that_was_ambiguous_is_looked_at_afresh(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"x/a.jpg": "one", "y/a.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "", hours=1)
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=2)
    assert "2 different images" in follow_labels(pipeline).open_lines[0][3]

    write_labels(tmp_path, "x.csv", "", hours=3)
    follow_labels(pipeline)
    a_day(pipeline, {"x/a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=4)
    assert follow_labels(pipeline).bound == 1


def test_an_ambiguous_line_binds_once_only_one_of_its_images_is_left(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"a.jpg": "two"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    assert follow_labels(pipeline).ambiguous == 1

    a_day(pipeline, {}, NEXT_DAY)
    report = follow_labels(pipeline)

    assert (report.ambiguous, report.bound) == (0, 1)
    assert tags_of(pipeline) == {"a.jpg": ["cat"]}


def test_an_ambiguous_line_stays_ambiguous_when_another_day_comes(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    a_day(pipeline, {"a.jpg": "two"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    a_day(pipeline, {"a.jpg": "three"}, LATER_DAY)
    report = follow_labels(pipeline)
    assert (report.ambiguous, report.bound, report.unmatched) == (1, 0, 0)


def test_lines_may_shift_without_concerning_any_day(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\n")
    follow_labels(pipeline)

    shift = lambda: write_labels(tmp_path, "x.csv", "path,tags\n\nb.jpg,dog\n\na.jpg,cat\n", hours=1)  # noqa: E731

    assert days_concerned(pipeline, shift) == set()
    assert {row["selector"]: (row["line"], row["stated_at"]) for row in statements(pipeline)} == {
        "a.jpg": (5, NOON),
        "b.jpg": (3, NOON),
    }


def test_the_same_line_twice_is_two_statements_of_which_one_may_go(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\na.jpg,cat\n")
    assert follow_labels(pipeline).bound == 2
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=1)
    report = follow_labels(pipeline)
    assert (report.bound, report.retracted) == (1, 1)


def test_a_label_follows_bytes_that_move_within_their_day_and_to_another(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\n")
    follow_labels(pipeline)

    a_day(pipeline, {"renamed.jpg": "one"})
    a_day(pipeline, {"sub/b.jpg": "two"}, NEXT_DAY)
    follow_labels(pipeline)

    assert tags_of(pipeline) == {"renamed.jpg": ["cat"]}
    assert tags_of(pipeline, NEXT_DAY) == {"sub/b.jpg": ["dog"]}


def test_bytes_that_went_away_and_came_back_find_their_label_again(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    a_day(pipeline, {})
    follow_labels(pipeline)
    a_day(pipeline, {"z.jpg": "one"}, NEXT_DAY)
    follow_labels(pipeline)
    assert tags_of(pipeline, NEXT_DAY) == {"z.jpg": ["cat"]}


def test_a_newer_file_corrects_an_older_one_whatever_their_names(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "b.jpg": "two"})
    write_labels(tmp_path, "z.csv", "a.jpg,cat\nb.jpg,cat\n")
    write_labels(tmp_path, "a.csv", "a.jpg,dog\n", hours=1)
    follow_labels(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["dog"], "b.jpg": ["cat"]}

    pipeline.store.delete("labels/a.csv")
    follow_labels(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["cat"], "b.jpg": ["cat"]}


def test_a_corrected_line_retracts_what_it_said_before(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "a.jpg,dog\n", hours=1)
    follow_labels(pipeline)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n", hours=2)
    report = follow_labels(pipeline)
    assert (report.statements, report.retracted) == (1, 1)
    assert tags_of(pipeline) == {"a.jpg": ["cat"]}


def conflicting(home: Path) -> Pipeline:
    """Equal bytes on two days, cat on the first and dog on the second, and a third day that has nothing to do with it."""
    pipeline = a_pipeline(home)
    a_day(pipeline, {"a.jpg": "one", "c.jpg": "other"})
    a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)
    a_day(pipeline, {"d.jpg": "four"}, LATER_DAY)
    write_labels(home, "x.csv", "a.jpg,cat\nb.jpg,dog\nc.jpg,cat\nd.jpg,cat\n")
    follow_labels(pipeline)
    return pipeline


def conflicts(pipeline: Pipeline, day: str) -> list[str]:
    tag_a_day(pipeline, day)
    rows = pipeline.manifests.read(pipeline.manifests.find("tagged_manifests", day), TAGGED_MANIFESTS)
    return [text for text in rows["conflict"].to_list() if text]


def test_equal_bytes_with_other_labels_are_in_conflict_on_every_day_that_holds_them(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    told = "landing/2026/03/02/a.jpg is cat; landing/2026/03/03/b.jpg is dog"
    assert [conflicts(pipeline, day) for day in (DAY, NEXT_DAY, LATER_DAY)] == [[told], [told], []]


def test_deleting_the_wrong_one_settles_a_conflict_on_the_other_day_too(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    conflicts(pipeline, DAY)

    assert days_concerned(pipeline, lambda: a_day(pipeline, {}, NEXT_DAY)) == {DAY, NEXT_DAY}
    assert conflicts(pipeline, DAY) == []
    assert tags_of(pipeline)["a.jpg"] == ["cat"]


def test_deleting_the_older_label_s_image_leaves_the_other_label(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    conflicts(pipeline, NEXT_DAY)

    assert days_concerned(pipeline, lambda: a_day(pipeline, {"c.jpg": "other"})) == {DAY, NEXT_DAY}
    assert conflicts(pipeline, NEXT_DAY) == []
    assert tags_of(pipeline, NEXT_DAY)["b.jpg"] == ["dog"]


def test_a_settled_conflict_concerns_a_day_that_holds_a_copy_nobody_spoke_of(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    a_day(pipeline, {"d.jpg": "four", "copy.jpg": "one"}, LATER_DAY)
    follow_labels(pipeline)
    assert len(conflicts(pipeline, LATER_DAY)) == 1

    assert days_concerned(pipeline, lambda: a_day(pipeline, {}, NEXT_DAY)) == {DAY, NEXT_DAY, LATER_DAY}
    assert conflicts(pipeline, LATER_DAY) == []
    assert days_concerned(pipeline, lambda: a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)) == {DAY, NEXT_DAY, LATER_DAY}
    assert len(conflicts(pipeline, LATER_DAY)) == 1


def test_a_retracted_statement_ends_a_conflict_on_every_day(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    a_day(pipeline, {"copy.jpg": "one"}, LATER_DAY)
    follow_labels(pipeline)
    retract = lambda: write_labels(tmp_path, "x.csv", "b.jpg,dog\nc.jpg,cat\n", hours=1)  # noqa: E731
    assert days_concerned(pipeline, retract) == {DAY, NEXT_DAY, LATER_DAY}
    assert tags_of(pipeline, LATER_DAY) == {"copy.jpg": ["dog"]}
    assert conflicts(pipeline, LATER_DAY) == []


def test_a_deleted_image_that_comes_back_brings_the_conflict_back(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    a_day(pipeline, {}, NEXT_DAY)
    follow_labels(pipeline)
    assert days_concerned(pipeline, lambda: a_day(pipeline, {"b.jpg": "one"}, NEXT_DAY)) == {DAY, NEXT_DAY}
    assert len(conflicts(pipeline, DAY)) == 1


def test_a_newer_statement_for_both_settles_a_conflict(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    settle = lambda: write_labels(tmp_path, "y.csv", "a.jpg,dog\nb.jpg,dog\n", hours=1)  # noqa: E731
    assert days_concerned(pipeline, settle) == {DAY, NEXT_DAY}
    assert conflicts(pipeline, DAY) == conflicts(pipeline, NEXT_DAY) == []
    assert tags_of(pipeline)["a.jpg"] == ["dog"]


def test_an_unchanged_conflict_concerns_no_day_when_something_else_changes(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    assert days_concerned(pipeline, lambda: a_day(pipeline, {"d.jpg": "four", "e.jpg": "five"}, LATER_DAY)) == set()


def test_only_the_days_whose_labels_changed_are_concerned(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for day in (DAY, NEXT_DAY, LATER_DAY):
        a_day(pipeline, {f"{day}.jpg": day, f"{day}-b.jpg": f"{day}b"}, day)
    write_labels(tmp_path, "x.csv", f"{DAY}.jpg,cat\n{NEXT_DAY}.jpg,cat\n{LATER_DAY}.jpg,cat\n")
    follow_labels(pipeline)

    corrected = f"{DAY}.jpg,cat\n{NEXT_DAY}.jpg,dog\n{LATER_DAY}.jpg,cat\n"
    assert days_concerned(pipeline, lambda: write_labels(tmp_path, "x.csv", corrected, hours=1)) == {NEXT_DAY}
    assert days_concerned(pipeline, lambda: write_labels(tmp_path, "y.csv", f"{DAY}-b.jpg,dog\n", hours=2)) == {DAY}
    assert days_concerned(pipeline, lambda: write_labels(tmp_path, "z.csv", "nowhere.jpg,dog\n", hours=3)) == set()


def test_a_label_named_by_sha256_alone_holds_wherever_the_bytes_are_or_come(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", f"sha256,tags\n{sha('one')},cat\n{sha('two')},dog\n")
    assert follow_labels(pipeline).bound == 2
    a_day(pipeline, {"b.jpg": "two", "c.jpg": "one"}, NEXT_DAY)
    follow_labels(pipeline)
    assert (tags_of(pipeline), tags_of(pipeline, NEXT_DAY)) == ({"a.jpg": ["cat"]}, {"b.jpg": ["dog"], "c.jpg": ["cat"]})


def test_an_unchanged_refresh_reads_no_label_file_and_no_day(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    store = CountingBlobStore(pipeline.store)

    draft, report = refresh_labels(over(pipeline, store), pipeline.manifests.newest(RESIZED_IMAGES.asset))

    assert (draft.frame, report.files_read, report.days_read, report.bound) == (None, 0, 0, 4)
    assert [path for path in store.reads if not path.startswith("manifests/label_records/")] == []


def test_a_new_day_without_labels_reads_that_day_only(tmp_path: Path) -> None:
    pipeline = conflicting(tmp_path)
    store = CountingBlobStore(pipeline.store)
    a_day(pipeline, {"e.jpg": "five"}, "2026-03-05")

    report = follow_labels(over(pipeline, store))

    # Where images are in conflict it is asked anew whether both still stand.
    assert set(day_reads(store)) <= {DAY, NEXT_DAY, "2026-03-05"}
    assert len(day_reads(store)) == len(set(day_reads(store)))
    assert (report.files_read, store.reads_below("labels/")) == (0, [])


def test_a_new_day_reads_no_other_day_when_nothing_is_in_conflict(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one", "x/b.jpg": "two", "y/b.jpg": "three"})
    a_day(pipeline, {"c.jpg": "four"}, NEXT_DAY)
    write_labels(tmp_path, "x.csv", "a.jpg,cat\nb.jpg,dog\nc.jpg,dog\nnowhere.jpg,dog\n")
    follow_labels(pipeline)
    store = CountingBlobStore(pipeline.store)
    a_day(pipeline, {"e.jpg": "five"}, LATER_DAY)

    report = follow_labels(over(pipeline, store))

    assert (report.days_read, day_reads(store)) == (1, [LATER_DAY])


def test_a_line_that_names_its_day_reads_that_day_only(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    for day in (DAY, NEXT_DAY, LATER_DAY):
        a_day(pipeline, {"a.jpg": day}, day)
    follow_labels(pipeline)
    store = CountingBlobStore(pipeline.store)
    write_labels(tmp_path, "x.csv", "2026/03/03/nowhere.jpg,cat\n")

    follow_labels(over(pipeline, store))

    assert day_reads(store) == [NEXT_DAY]


def test_the_folder_below_the_day_is_the_tag_when_asked_for(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, labels={"from_folders": True})
    a_day(pipeline, {"cat/1.jpg": "one", "dog/deep/2.jpg": "two", "3.jpg": "three"})
    report = follow_labels(pipeline)
    assert (report.bound, report.files) == (2, 0)
    assert tags_of(pipeline) == {"cat/1.jpg": ["cat"], "dog/deep/2.jpg": ["dog"], "3.jpg": []}

    a_day(pipeline, {"dog/1.jpg": "one", "dog/deep/2.jpg": "two"})
    report = follow_labels(pipeline)
    assert (report.bound, report.retracted) == (2, 1)
    assert tags_of(pipeline) == {"dog/1.jpg": ["dog"], "dog/deep/2.jpg": ["dog"]}


def test_the_same_bytes_in_two_folders_are_in_conflict_until_one_goes(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path, labels={"from_folders": True})
    a_day(pipeline, {"cat/1.jpg": "one"})
    a_day(pipeline, {"dog/1.jpg": "one"}, NEXT_DAY)
    follow_labels(pipeline)
    assert len(conflicts(pipeline, DAY)) == 1
    a_day(pipeline, {}, NEXT_DAY)
    follow_labels(pipeline)
    assert (conflicts(pipeline, DAY), tags_of(pipeline)) == ([], {"cat/1.jpg": ["cat"]})


def test_tags_from_folders_may_be_switched_on_and_off_later(tmp_path: Path) -> None:
    off = a_pipeline(tmp_path)
    a_day(off, {"cat/1.jpg": "one"})
    follow_labels(off)
    on = a_pipeline(tmp_path, labels={"from_folders": True})
    follow_labels(on)
    assert tags_of(on) == {"cat/1.jpg": ["cat"]}
    follow_labels(off)
    assert tags_of(off) == {"cat/1.jpg": []}


def test_another_separator_reads_the_files_again(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat+dog\n")
    follow_labels(pipeline)
    assert tags_of(pipeline) == {"a.jpg": ["cat+dog"]}
    other = a_pipeline(tmp_path, labels=Labels(separator="+").model_dump())
    assert follow_labels(other).files_read == 1
    assert tags_of(other) == {"a.jpg": ["cat", "dog"]}


def test_a_file_that_cannot_be_read_or_is_of_no_known_format_is_one_open_line(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    pipeline.store.write("labels/latin.csv", "ä.jpg,x\n".encode("latin-1"))
    pipeline.store.write("labels/notes.txt", b"a.jpg,x\n")
    pipeline.store.write("labels/.hidden.csv", b"a.jpg,x\n")
    pipeline.store.write("labels/_draft.csv", b"a.jpg,x\n")
    report = follow_labels(pipeline)
    assert [(file, line, reason.partition(" (")[0].partition(". ")[0]) for file, line, _, reason in report.open_lines] == [
        ("labels/latin.csv", 0, "labels/latin.csv is not UTF-8 text"),
        ("labels/notes.txt", 0, "labels/notes.txt: not a label format known here"),
    ]
    assert (report.rejected, report.files) == (2, 2)


def test_label_files_may_lie_in_folders_and_be_called_csv_in_capitals(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "2026/anna/X.CSV", "a.jpg,cat\n")
    assert follow_labels(pipeline).bound == 1


def test_a_landed_name_with_decomposed_accents_is_found_by_a_composed_one_and_conflicts_know_it(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"cafe\u0301.jpg": "one", "b.jpg": "one"})
    write_labels(tmp_path, "x.csv", "caf\u00e9.jpg,cat\nb.jpg,dog\n")
    assert follow_labels(pipeline).bound == 2
    assert len(conflicts(pipeline, DAY)) == 2


def test_a_crash_before_the_manifest_repeats_the_refresh_with_the_same_outcome(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    lost, _ = refresh_labels(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset))
    again, _ = refresh_labels(pipeline, pipeline.manifests.newest(RESIZED_IMAGES.asset))
    assert (lost.inputs, lost.rows, lost.notes) == (again.inputs, again.rows, again.notes)


def test_what_a_file_said_holds_while_it_cannot_be_read(tmp_path: Path) -> None:
    pipeline = a_pipeline(tmp_path)
    a_day(pipeline, {"a.jpg": "one"})
    write_labels(tmp_path, "x.csv", "a.jpg,cat\n")
    follow_labels(pipeline)
    pipeline.store.write("labels/x.csv", "a.jpg,k\u00e4tzchen\n".encode("latin-1"))
    report = follow_labels(pipeline)
    assert (report.bound, report.rejected, report.retracted, tags_of(pipeline)) == (1, 1, 0, {"a.jpg": ["cat"]})

    write_labels(tmp_path, "x.csv", "a.jpg,dog\n", hours=1)
    report = follow_labels(pipeline)
    assert (report.bound, report.rejected, tags_of(pipeline)) == (1, 0, {"a.jpg": ["dog"]})
