"""What an audit of an Azure index finds besides documents: its alias and indexes that nobody needs."""

from pathlib import Path

from imaging_assets_tests.azure.search_server.index import Index
from imaging_assets_tests.azure.search_server.server import SearchServer, a_search_server
from imaging_assets_tests.azure.test_search_faults import an_index
from imaging_assets_tests.contracts.test_search_index import document, put


def add_index(server: SearchServer, like: str, name: str) -> None:
    there = server.service.indexes[like]
    server.service.indexes[name] = Index({**there.definition, "name": name}, there.etag)


def test_an_alias_that_was_moved_and_an_index_of_nobody_are_told_and_mended(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        serving = index.serving
        left = serving.replace(serving[-18:], "20200101000000abcd")
        service = server.service
        add_index(server, serving, left)
        others = serving.replace("images-", "images-eu-")
        add_index(server, serving, others)
        service.aliases["images"]["indexes"] = [left]

        told = index.faults()
        assert index.faults(repair=True) == told

        assert told == [f"Alias 'images' leads to '{left}' instead of '{serving}'.", f"Index '{left}' serves nobody."]
        assert service.aliases["images"]["indexes"] == [serving]
        assert sorted(service.indexes) == sorted([serving, others])
        assert index.faults() == []


def test_an_index_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        add_index(server, index.serving, f"{index.serving[:-4]}ffff")

        assert index.faults(repair=True) == []
        assert len(server.service.indexes) == 2


def test_an_index_that_is_gone_is_told_and_made_anew(tmp_path: Path) -> None:
    with a_search_server() as server:
        index = an_index(server, tmp_path)
        put(index, document("a"))
        gone = index.serving
        server.service.aliases.clear()
        server.service.indexes.clear()

        told = index.faults(repair=True)

        assert told == [f"Index '{gone}' is gone; every day's documents are sent again."]
        assert index.serving != gone
        assert server.service.aliases["images"]["indexes"] == [index.serving]
