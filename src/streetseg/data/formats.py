"""The supported image formats, and descriptions of unsupported files with a cure for each."""

from PIL import features

# Pillow's name -> file name endings. Pillow reads MPO, several JPEG images in one file, as JPEG.
_ENDINGS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
}

ARRAY = ".npy"  # read as mask, not as image
SUFFIXES = frozenset(ending for endings in _ENDINGS.values() for ending in endings)

# Pillow 11.0 to 11.2 has no AVIF, and a Pillow built from source may lack AVIF or JPEG 2000.
FORMATS = tuple(
    name
    for name in _ENDINGS
    if (name != "AVIF" or ("avif" in features.modules and features.check_module("avif")))
    and (name != "JPEG2000" or features.check_codec("jpg_2000"))
)

_HEIC = "HEIC: convert it to PNG or JPEG; pillow-heif, which decodes it, is not part of streetseg yet"
_JXL = "JPEG XL: convert it to PNG"
_RAW = "camera raw: develop it to TIFF or PNG"
_TGA = "TGA: convert it to PNG"
_PSD = "Photoshop: save it as PNG"
_HDR = "floating-point image: convert it to 8-bit or 16-bit PNG"
_NPY = "NumPy array: save it as PNG: PIL.Image.fromarray(numpy.load(FILE).astype('uint8')).save('NAME.png')"
_MAT = "MATLAB array: write it as PNG"

# File name ending -> format and cure, for image formats that are not supported.
UNREAD = (
    dict.fromkeys((".heic", ".heif", ".hif"), _HEIC)
    | dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"), _RAW)
    | {
        ".jxl": _JXL,
        ".tga": _TGA,
        ".psd": _PSD,
        ".exr": _HDR,
        ".hdr": _HDR,
        ".pfm": _HDR,
        ARRAY: _NPY,
        ".npz": _NPY,
        ".mat": _MAT,
    }
)

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts")

_STARTS = (
    (b"\xff\x0a", _JXL),
    (b"\x00\x00\x00\x0cJXL ", _JXL),
    (b"8BPS", _PSD),
    (b"\x76\x2f\x31\x01", _HDR),
    (b"#?RADIANCE", _HDR),
    (b"\x93NUMPY", _NPY),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"%PDF", "PDF: save its images as PNG"),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF of bands or bits that are not read: save it as 8-bit RGB"),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def nature(data: bytes) -> str:
    """Return what an unreadable file seems to be, judged by its first bytes, and the cure if there is one."""
    if not data:
        return "0 bytes"
    text = data[:512].lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "an HTML page, as a failed download leaves behind"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, the file itself was not fetched"
    if data[4:8] == b"ftyp":  # the container of HEIC, AVIF, camera raw and video alike
        if data[8:12] in (b"avif", b"avis"):
            return "AVIF, which this Pillow cannot decode: pip install -U pillow, or convert it to PNG"
        if data[8:12] == b"crx ":
            return _RAW
        return _HEIC if data[8:12] in _HEIC_BRANDS else "a video: save its frames as PNG or JPEG"
    for start, words in _STARTS:
        if data.startswith(start):
            return words
    return f"{len(data):,} bytes of another kind"
