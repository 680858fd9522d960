"""Picture files: reading, writing, finding, and contact sheets."""

from .contact_sheet import contact_sheet
from .find import PICTURE_SUFFIXES, find_pictures
from .picture import Picture
from .read import read_picture
from .write import WRITABLE_SUFFIXES, check_writable, write_picture

__all__ = [
    "PICTURE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Picture",
    "check_writable",
    "contact_sheet",
    "find_pictures",
    "read_picture",
    "write_picture",
]
