"""The operations on files: those that clients send, and those made for them."""

from vivavoce.wire.errors import Envelope
from vivavoce.wire.operation import FORM, FOUND, JSON, LISTED, OCTETS, PAGE, Operation
from vivavoce.wire.uploads import DeletedFile, FileObject, FilePage, FilesQuery, FileUpload

FILES = "/files"
FILE = f"{FILES}/{{file_id}}"

FILING = (
    Operation(
        "createFile",
        "POST",
        FILES,
        "Keep a file.",
        {JSON: (FileObject,)},
        takes={FORM: (FileUpload,)},
        fails={**PAGE, **dict.fromkeys((400, 408, 413, 507), (Envelope,))},
    ),
    Operation("listFiles", "GET", FILES, "Files, part by part.", {JSON: (FilePage,)}, FilesQuery, fails=LISTED),
    Operation("retrieveFile", "GET", FILE, "One file.", {JSON: (FileObject,)}, fails=FOUND),
    Operation("deleteFile", "DELETE", FILE, "Delete a file.", {JSON: (DeletedFile,)}, fails=FOUND),
    Operation("downloadFile", "GET", f"{FILE}/content", "The bytes of a file.", {OCTETS: (bytes,)}, fails=FOUND),
)
