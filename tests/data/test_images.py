import io
import os
import socket
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from cnnviz.data.images import (
    MAX_PIXELS,
    WORKING_SIZE,
    ImageError,
    open_picture,
    picture_from_array,
    picture_from_bytes,
)

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
GREY = np.random.default_rng(1).integers(0, 256, (12, 17), np.uint8)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def png(width: int, height: int, bits: int, colour_type: int, raw: bytes) -> bytes:
    """A PNG file written by hand: also one whose header promises more than there is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def planes(array: np.ndarray) -> np.ndarray:
    return np.atleast_3d(array).transpose(2, 0, 1)


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        picture_from_bytes(data, "a.png")
    message = str(caught.value)
    assert "a.png" in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "PPM", "TGA", "WEBP"])
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
def test_lossless_files_give_their_values(tmp_path: Path, image_format: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"a picture.{image_format.lower()}"
    path.write_bytes(
        encoded(Image.fromarray(pixels), image_format, **{"lossless": True} if image_format == "WEBP" else {})
    )
    picture = open_picture(path)
    expected = planes(pixels) / 255
    if image_format == "WEBP" and pixels.ndim == 2:
        expected = np.repeat(expected, 3, axis=0)  # the format knows no grey
    np.testing.assert_allclose(picture.pixels, expected, atol=1e-7)
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert (picture.name, picture.notes) == (path.name, ())


def test_a_jpeg_comes_close() -> None:
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (64, 1))
    picture = picture_from_bytes(encoded(Image.fromarray(ramp), "JPEG", quality=95))
    np.testing.assert_allclose(picture.pixels[0], ramp / 255, atol=0.02)


def test_sixteen_bit_grey_is_scaled() -> None:
    values = np.array([[0, 1, 256], [32768, 65534, 65535]], ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pgm = b"P5 3 2 65535\n" + values.tobytes()
    tiff = encoded(Image.fromarray(values.astype("<u2")), "TIFF")
    for data in (png(3, 2, 16, 0, rows), pgm, tiff):
        picture = picture_from_bytes(data)
        np.testing.assert_allclose(picture.pixels[0], values / 65535, atol=1e-7)
        assert picture.notes == ("16-bit grey scaled to [0, 1]",)


def test_sixteen_bit_colour_keeps_its_upper_byte() -> None:
    values = np.random.default_rng(2).integers(0, 65536, (4, 5, 3)).astype(">u2")
    picture = picture_from_bytes(png(5, 4, 16, 2, b"".join(b"\0" + row.tobytes() for row in values)))
    np.testing.assert_allclose(picture.pixels, planes(values / 65535), atol=1 / 255)


def test_a_palette_is_converted() -> None:
    image = Image.fromarray(RGB).quantize(16)
    picture = picture_from_bytes(encoded(image, "PNG"))
    np.testing.assert_allclose(picture.pixels, planes(np.asarray(image.convert("RGB"))) / 255, atol=1e-7)
    assert picture.notes == ("palette converted to RGB",)


def test_transparent_parts_are_laid_over_white() -> None:
    alpha = np.linspace(0, 255, 12 * 17).reshape(12, 17).astype(np.uint8)
    for colour in (RGB, GREY):
        image = Image.fromarray(colour)
        image.putalpha(Image.fromarray(alpha))
        picture = picture_from_bytes(encoded(image, "PNG"))
        share = alpha / 255
        np.testing.assert_allclose(picture.pixels, planes(colour) / 255 * share + 1 - share, atol=1e-6)
        assert picture.notes == ("transparent parts laid over white",)


def test_an_opaque_alpha_channel_is_not_worth_a_note() -> None:
    picture = picture_from_bytes(encoded(Image.fromarray(RGB).convert("RGBA"), "PNG"))
    np.testing.assert_allclose(picture.pixels, planes(RGB) / 255, atol=1e-7)
    assert picture.notes == ()


def test_a_transparent_colour_of_a_palette_becomes_white() -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    picture = picture_from_bytes(encoded(image, "PNG", transparency=0))
    np.testing.assert_allclose(picture.pixels[:, 0, 0], 1)
    np.testing.assert_allclose(picture.pixels[:, 0, 1], np.array([200, 100, 50]) / 255, atol=1e-6)
    assert picture.notes == ("palette converted to RGB", "transparent parts laid over white")


def test_cmyk_is_converted() -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for data in (encoded(cyan, "JPEG", quality=95), encoded(cyan, "TIFF")):
        picture = picture_from_bytes(data)
        np.testing.assert_allclose(picture.pixels[:, 4, 4], (0, 1, 1), atol=0.03)
        assert picture.notes == ("CMYK converted to RGB",)


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "TIFF", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(image_format: str) -> None:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if image_format == "WEBP" else {}
    picture = picture_from_bytes(encoded(frames[0], image_format, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_allclose(picture.pixels, np.broadcast_to([[[1]], [[0]], [[0]]], (3, 7, 9)), atol=1e-6)
    assert picture.notes[0] == "first of 3 frames"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_tag_turns_the_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(RGB), "PNG", exif=exif)
    picture = picture_from_bytes(data)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_allclose(picture.pixels, planes(expected) / 255, atol=1e-7)
    assert picture.notes == (("turned as its EXIF tag says",) if orientation > 1 else ())


def test_black_and_white_and_floats_are_read() -> None:
    bits = GREY > 127
    np.testing.assert_array_equal(picture_from_bytes(encoded(Image.fromarray(bits), "PNG")).pixels[0], bits)
    values = np.linspace(-3, 5, 20, dtype=np.float32).reshape(4, 5)
    picture = picture_from_bytes(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(picture.pixels[0], (values + 3) / 8, atol=1e-6)
    assert picture.notes == ("values from -3 to 5 scaled to [0, 1]",)


def test_a_large_photo_is_reduced_and_says_so() -> None:
    rows, columns = np.mgrid[:1024, :4096]
    ramp = np.stack([rows * (255 / 1024), columns * (255 / 4096), np.full_like(rows, 99)], -1).astype(np.uint8)
    for image_format in ("JPEG", "BMP"):
        picture = picture_from_bytes(encoded(Image.fromarray(ramp), image_format))
        assert picture.pixels.shape == (3, 512, WORKING_SIZE)
        assert picture.notes == ("reduced from 4096×1024 to 2048×512",)
        expected = ramp.reshape(512, 2, WORKING_SIZE, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(picture.pixels[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=0.02)


def test_a_missing_file_a_folder_and_an_empty_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"There is no file “.*cat.png”: check the name\."):
        open_picture(tmp_path / "cat.png")
    with pytest.raises(ImageError, match="is a folder: choose an image file in it"):
        open_picture(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"“empty.png” is empty: choose another file"):
        open_picture(tmp_path / "empty.png")
    with pytest.raises(ImageError, match="There is no file"):
        open_picture(tmp_path / "empty.png" / "below.png")
    with pytest.raises(ImageError, match="is no name of a file"):
        open_picture("nul\0byte.png")
    with pytest.raises(ImageError, match="cannot be read"):
        open_picture("x" * 5000)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(Image.fromarray(RGB), "PNG"))
    path.chmod(0)
    with pytest.raises(ImageError, match=r"“secret.png” may not be read"):
        open_picture(path)


def test_a_refused_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"“secret.png” may not be read"):
        open_picture(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
@pytest.mark.timeout(60)
def test_pipes_and_devices_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path may be no longer than 108 characters
        server.bind("socket.png")
        for path in (tmp_path / "pipe.png", tmp_path / "socket.png", "/dev/zero"):
            with pytest.raises(ImageError, match="is a pipe or a device: save the image"):
                open_picture(path)


@pytest.mark.parametrize(
    "data", [b"hello", b"\0" * 500, b"PK\x03\x04" + b"\0" * 99, b"<svg></svg>", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_what_is_no_image_is_told(data: bytes) -> None:
    assert "is no image that can be read" in refused(data)


def test_a_picture_of_too_many_pixels_is_refused_from_its_header() -> None:
    assert "(8001×8000): scale it down to at most 64 million" in refused(png(8001, 8000, 8, 0, b""))
    assert "too large: scale it down" in refused(png(20_000, 20_000, 8, 0, b""))
    assert 8001 * 8000 > MAX_PIXELS > 7999 * 8000
    assert "damaged or cut off" in refused(png(8000, 8000, 8, 0, b""))


def test_an_icon_larger_than_its_header_says_is_refused() -> None:
    large = png(8001, 8000, 1, 0, bytes(8000 * 1002))
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 1, len(large), 22)
    assert "(8001×8000): scale it down" in refused(struct.pack("<HHH", 0, 1, 1) + entry + large)


def test_a_header_without_pixels_is_told() -> None:
    for data in (png(0, 5, 8, 0, b""), b"P5 0 4 255\n", b"P5 4 0 255\n"):
        refused(data)


def whole_files() -> dict[str, bytes]:
    image = Image.fromarray(np.random.default_rng(4).integers(0, 256, (40, 40, 3), np.uint8))
    formats = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "JPEG2000", "PCX")
    files = {known: encoded(image, known) for known in formats}
    # An icon holds squares of fixed sizes.
    files["ICO"] = encoded(image, "ICO", sizes=[(40, 40)])
    return files | {"TIFF-LZW": encoded(image, "TIFF", compression="tiff_lzw"), "MPO": encoded(image, "MPO")}


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_a_cut_or_altered_file_is_an_image_or_told(name: str) -> None:
    whole = whole_files()[name]
    assert picture_from_bytes(whole).pixels.shape == (3, 40, 40)
    offsets = sorted({*range(1, min(64, len(whole))), *np.linspace(1, len(whole) - 1, 60).astype(int).tolist()})
    told = sum(bool(sound_or_refused(whole[:offset])) for offset in offsets)
    # Decoders tell of missing pixels, save that some take the last few rows or a trailer for dispensable.
    assert told > len(offsets) * 0.9
    rng = np.random.default_rng(5)
    for _ in range(60):
        altered = bytearray(whole)
        for position in rng.integers(0, min(len(whole), 300), 4):
            altered[position] = rng.integers(256)
        sound_or_refused(bytes(altered))


def sound_or_refused(data: bytes) -> str | None:
    try:
        pixels = picture_from_bytes(data).pixels
    except ImageError as error:
        return str(error)
    assert pixels.ndim == 3
    assert pixels.shape[0] in (1, 3)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    return None


@pytest.mark.parametrize(
    ("array", "expected", "note"),
    [
        (GREY, GREY / 255, None),
        (RGB, RGB / 255, None),
        (RGB[:, :, :1], RGB[:, :, :1] / 255, None),
        (GREY > 99, GREY > 99, None),
        (GREY.astype(np.uint16) * 257, GREY / 255, "16-bit grey scaled to [0, 1]"),
        (RGB.astype(np.int64), RGB / 255, None),
        (RGB.astype(np.int64) * 257, RGB / 255, "values divided by 65535"),
        (RGB / 255, RGB / 255, None),
        (RGB.astype(np.float16) / 255, RGB / 255, None),
        (RGB.astype(np.float32), RGB / 255, "values divided by 255"),
        (np.float64([[-1.5, 2.5], [0.5, 1.5]]), [[0, 1], [0.5, 0.75]], "values from -1.5 to 2.5 scaled to [0, 1]"),
        (np.float64([[-1.7e308, 1.7e308]]), [[0, 1]], "values from -1.7e+308 to 1.7e+308 scaled to [0, 1]"),
        (np.full((2, 2), 7e5), np.zeros((2, 2)), "values from 7e+05 to 7e+05 scaled to [0, 1]"),
        (np.float32([[0.5, np.nan], [-np.inf, 1]]), [[0.5, 0], [0, 1]], "2 values that are NaN or infinite shown as 0"),
        (
            np.dstack([RGB, GREY]),
            RGB / 255 * (GREY / 255)[..., None] + 1 - (GREY / 255)[..., None],
            "transparent parts",
        ),
    ],
)
def test_arrays(array: np.ndarray, expected: np.ndarray, note: str | None) -> None:
    before = array.copy()
    picture = picture_from_array(array)
    np.testing.assert_allclose(
        picture.pixels, planes(np.asarray(expected)), atol=1e-3 if array.dtype.itemsize == 2 else 1e-6
    )
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == () if note is None else picture.notes[0].startswith(note)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("shape", [(5,), (3, 12, 17), (12, 17, 2), (1, 3, 12, 17), (12, 17, 5)])
def test_arrays_that_are_no_image_are_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"is no image: give real numbers as \(rows, columns\)"):
        picture_from_array(np.zeros(shape))


def test_arrays_of_other_types_and_sizes_are_told() -> None:
    for array in (np.zeros((3, 3), complex), np.array([["a", "b"]]), np.array([[None]])):
        with pytest.raises(ImageError, match="is no image: give real numbers"):
            picture_from_array(array)
    with pytest.raises(ImageError, match=r"has no pixels \(4×0\)"):
        picture_from_array(np.zeros((0, 4)))
    with pytest.raises(ImageError, match=r"too large \(20000×20000\)"):
        picture_from_array(np.broadcast_to(np.uint8(0), (20_000, 20_000)))
