"""What has been written to a connection and not been taken from it: bounded, and counted."""

import asyncio
import socket
import sys

UNSENT_BYTES = 128 * 1024
"""Two seconds of speech, as it is streamed."""

if sys.platform == "linux":
    import fcntl
    import struct
    import termios

    def _queued(connection: socket.socket) -> int:
        """Bytes in the system's hands that have not been confirmed: `SIOCOUTQ` of tcp(7)."""
        return struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0]

else:

    def _queued(connection: socket.socket) -> int:
        """Not known here."""
        del connection
        return 0


def bound_unsent(listener: socket.socket) -> None:
    """Have the system hold no more than `UNSENT_BYTES` that cannot be sent yet, on each connection made there.

    It would take megabytes: a minute of speech, made and paid for, that a slow reader may never come to. Where it
    knows no such bound it goes on as it would.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that the other side has not taken yet: it takes some whenever they become fewer."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    open_still = connection is not None and connection.fileno() >= 0
    return transport.get_write_buffer_size() + (_queued(connection) if connection and open_still else 0)
