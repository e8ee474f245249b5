import functools
import gzip
import hashlib
import logging
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pooch
import pytest

from cnnviz.data import fetching
from cnnviz.data.fetching import fetch
from cnnviz.data.labelled_images import DatasetError

CONTENT = gzip.compress(b"images" * 1000, mtime=0)  # with the time in it, tests would be named anew each second


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves one file, and the user's cache is a folder of its own."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "images.gz").write_bytes(CONTENT)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path / "cache")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served)) as http:
        monkeypatch.setattr(fetching, "SOURCES", {"mnist": f"http://127.0.0.1:{http.server_address[1]}/"})
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield served
        http.shutdown()
        thread.join()


def expect(monkeypatch, content: bytes, name: str = "images.gz"):
    monkeypatch.setattr(fetching, "SUMS", {("mnist", name): "md5:" + hashlib.md5(content).hexdigest()})


def test_a_file_is_fetched_once(server, tmp_path, monkeypatch, capsys):
    expect(monkeypatch, CONTENT)
    path = fetch("mnist", "images.gz")
    assert path == tmp_path / "cache" / "data" / "mnist" / "images.gz"
    assert path.read_bytes() == CONTENT
    assert "fetched images.gz" in capsys.readouterr().err
    (server / "images.gz").unlink()
    assert fetch("mnist", "images.gz") == path


def test_nothing_is_printed_but_the_progress_line(server, monkeypatch):
    expect(monkeypatch, CONTENT)
    lines = []
    handler = logging.Handler()
    handler.emit = lines.append
    pooch.get_logger().addHandler(handler)
    try:
        fetch("mnist", "images.gz")
    finally:
        pooch.get_logger().removeHandler(handler)
    assert lines == []


def test_a_wrong_file_is_not_kept(server, tmp_path, monkeypatch):
    expect(monkeypatch, b"something else")
    with pytest.raises(DatasetError, match=r"not the expected one\); get it yourself .*--data-dir"):
        fetch("mnist", "images.gz")
    assert not list((tmp_path / "cache").rglob("*.gz"))


def test_a_file_that_is_not_there_is_said_in_one_sentence(server, monkeypatch):
    expect(monkeypatch, CONTENT, "labels.gz")
    with pytest.raises(DatasetError, match=r"the download failed\); get it yourself .*--data-dir"):
        fetch("mnist", "labels.gz")


def test_a_server_that_does_not_answer_is_said_in_one_sentence(server, monkeypatch):
    expect(monkeypatch, CONTENT)
    monkeypatch.setattr(fetching, "SOURCES", {"mnist": "http://127.0.0.1:1/"})
    with pytest.raises(DatasetError, match="the download failed"):
        fetch("mnist", "images.gz")


@pytest.mark.parametrize("kept", [b"damaged", CONTENT[:-7], b""])
def test_a_damaged_or_partial_download_is_said_and_fetched_again(server, tmp_path, monkeypatch, capsys, kept):
    expect(monkeypatch, CONTENT)
    path = tmp_path / "cache" / "data" / "mnist" / "images.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(kept)
    told = []
    assert fetch("mnist", "images.gz", lambda *progress: told.append(progress)).read_bytes() == CONTENT
    assert told[0] == ("images.gz is damaged or cut short; it is fetched again", 0.0)
    assert told[-1] == ("fetched images.gz", 1.0)
    path.write_bytes(kept)
    fetch("mnist", "images.gz")
    assert "is damaged or cut short; it is fetched again" in capsys.readouterr().err


def test_progress_is_told_as_a_share_that_grows(server, tmp_path, monkeypatch):
    large = bytes(range(256)) * 4000
    (server / "images.gz").write_bytes(large)
    expect(monkeypatch, large)
    told = []
    fetch("mnist", "images.gz", lambda what, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1
    assert any(0 < share < 1 for share in told)
