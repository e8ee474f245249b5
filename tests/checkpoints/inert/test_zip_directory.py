"""An archive that two programs could read in two ways is refused; ``zipfile`` builds and judges the good ones."""

import io
import struct
import zipfile
import zlib

import pytest
import torch

from cnnviz.checkpoints.inert.refusal import Refusal
from cnnviz.checkpoints.inert.source import Source
from cnnviz.checkpoints.inert.zip_directory import Archive


def build(*members, method=zipfile.ZIP_STORED, comment=b""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = comment
    return stream.getvalue()


GOOD = build(("a/data.pkl", b"N." * 40), ("a/data/0", b"\0" * 100))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_those_that_zipfile_reads(method):
    data = build(("x", b"abc" * 500), ("folder/y", b""), ("größe", b"\1"), method=method, comment=b"made by hand")
    archive = Archive(Source(data))
    with zipfile.ZipFile(io.BytesIO(data)) as expected:
        assert list(archive.members) == expected.namelist()
        for name in expected.namelist():
            assert bytes(archive.read(name).data) == expected.read(name)
            assert bytes(archive.head(name, 2).data) == expected.read(name)[:2]


def test_an_archive_that_torch_has_written_has_its_members_where_they_are(saved):
    data = saved({"x": torch.arange(10.0)})
    archive = Archive(Source(data, 0))
    place = archive.place("archive/data/0")
    assert data[place.start : place.start + place.size] == torch.arange(10.0).numpy().tobytes()
    assert place.start % 64 == 0


def replaced(at, new, data=GOOD):
    return data[:at] + new + data[at + len(new) :]


CENTRAL = GOOD.index(b"PK\x01\x02")
SECOND = GOOD.index(b"PK\x01\x02", CENTRAL + 4)
END = GOOD.rindex(b"PK\x05\x06")
TWICE = build(("a", b"1"), ("b", b"2")).replace(b"b", b"a")
HOSTILE = {
    "no end": (GOOD[:-5], "no end"),
    "something behind the end": (GOOD + b"x", "no end"),
    "another file in front": (b"x" * 10 + GOOD, "does not begin where the file does"),
    "a second archive in front": (GOOD + GOOD, "does not begin where the file does"),
    "two members of one name": (TWICE, "two members"),
    "a name that climbs": (build(("../evil", b"1")), "leads out"),
    "a name that climbs later": (build(("a/../../evil", b"1")), "leads out"),
    "an absolute name": (build(("/etc/passwd", b"1")), "leads out"),
    "a name with a drive": (build(("C:/x", b"1")), "leads out"),
    "a name with backslashes": (build(("a", b"1")).replace(b"a", b"\\"), "leads out"),
    "a password": (replaced(CENTRAL + 8, b"\x01"), "password"),
    "a password in the local header": (replaced(6, b"\x01"), "contradicts"),
    "an unknown method": (replaced(CENTRAL + 10, b"\x0e"), "packed in a way"),
    "another method in the local header": (replaced(8, b"\x08"), "contradicts"),
    "another name in the local header": (replaced(30, b"b"), "contradicts"),
    "another size in the local header": (replaced(22, b"\x01"), "contradicts"),
    "another checksum in the local header": (replaced(14, b"\x01"), "contradicts"),
    "two sizes": (replaced(CENTRAL + 24, b"\x01"), "two different sizes"),
    "a size beyond the end": (replaced(SECOND + 20, struct.pack("<II", 10**6, 10**6)), "contradicts"),
    "more entries than there are": (replaced(END + 8, struct.pack("<HH", 9, 9)), "more members than it holds"),
    "fewer entries than there are": (replaced(END + 8, struct.pack("<HH", 1, 1)), "something that is no member"),
    "several disks": (replaced(END + 4, b"\x01"), "several"),
    "a member within another": (replaced(SECOND + 42, struct.pack("<I", 0)), "contradicts|shares"),
    "a header that is none": (replaced(SECOND + 42, struct.pack("<I", 3)), "not there"),
    "a directory that is cut": (replaced(CENTRAL + 28, b"\xff\xff"), "damaged|too early"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_be_read_in_two_ways_is_refused(name):
    data, words = HOSTILE[name]
    with pytest.raises(Refusal, match=words):
        Archive(Source(data))


def test_bytes_between_the_members_are_refused():
    data = build(("a", b"1"), ("b", b"2"))
    first = 30 + 1 + 1
    central = data.index(b"PK\x01\x02") + 100
    moved = data[:first] + b"x" * 100 + data[first:]
    end = moved.rindex(b"PK\x05\x06")
    moved = moved[: end + 16] + struct.pack("<I", central) + moved[end + 20 :]
    second = moved.index(b"PK\x01\x02", central + 4)
    moved = moved[: second + 42] + struct.pack("<I", first + 100) + moved[second + 46 :]
    with pytest.raises(Refusal, match="belong to none"):
        Archive(Source(moved))


def test_two_members_on_the_same_bytes_are_refused():
    data = build(("a", b"1" * 50))
    central = data.index(b"PK\x01\x02")
    entry = data[central : data.rindex(b"PK\x05\x06")]
    twice = entry + entry
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, len(twice), central, 0)
    with pytest.raises(Refusal, match="two members"):
        Archive(Source(data[:central] + twice + end))


def test_a_wrong_checksum_is_told():
    data = GOOD.replace(b"N.N.", b"N.).", 1)
    with pytest.raises(Refusal, match="checksum"):
        Archive(Source(data)).read("a/data.pkl")


def _deflated(claimed):
    packed = zlib.compress(b"\0" * (1 << 20))[2:-4]
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(packed), claimed, 1, 0) + b"a"
    entry = (
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(packed), claimed, 1, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local) + len(packed), 0)
    return local + packed + entry + end


def test_a_member_that_unpacks_to_more_or_less_than_it_states_is_refused():
    assert len(Archive(Source(_deflated(1 << 20))).read("a")) == 1 << 20
    for claimed in (100, (1 << 20) - 1, (1 << 20) + 1):
        with pytest.raises(Refusal, match="size"):
            Archive(Source(_deflated(claimed))).read("a")
    with pytest.raises(Refusal, match="cannot have"):
        Archive(Source(_deflated(0xFFFFFFF0)))


def test_an_archive_that_grows_too_much_is_refused():
    data = build(*((f"{number}.pkl", b"\0" * (20 << 20)) for number in range(8)), method=zipfile.ZIP_DEFLATED)
    assert len(data) < 1 << 20
    archive = Archive(Source(data))
    with pytest.raises(Refusal, match="grows beyond"):
        list(map(archive.read, archive.members))
