"""A way to PostgreSQL that fails when it is told to: to the very message of its protocol."""

import re
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum

HOST = "127.0.0.1"
WRITE = re.compile(rb"insert\s+into\s+\S*model_revisions", re.IGNORECASE)
"""By this a write of the catalogue is known, whatever else it does."""
IDLE = b"I"
CHUNK = 65536


class Fault(Enum):
    """What happens to a connection over which a write goes."""

    STATEMENT_LOST = "cut before the server has heard of it"
    ANSWER_LOST = "cut when it is committed, and nobody was told"
    ANSWER_SWALLOWED = "silent from when it is committed, with nothing cut"


class Door(Enum):
    """What happens to who connects."""

    OPEN = "let through"
    SHUT = "turned away"
    SILENT = "kept waiting without a word"


class Proxy:
    """Lets connections through to a server on loopback, until told otherwise."""

    def __init__(self, listener: socket.socket, port_behind: int) -> None:
        self.door = Door.OPEN
        self.faults = 0
        """How many have happened."""
        self._listener = listener
        self._port_behind = port_behind
        self._planned: list[Fault] = []
        self._door_after = Door.OPEN
        self._lock = threading.Lock()
        self._talks: list[_Talk] = []
        self._waiting: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def fail_next_writes(self, *faults: Fault, door_after: Door = Door.OPEN) -> None:
        """Let these happen to the next writes, one to each; and then be the door like that.

        One that is not open any more keeps nobody in, either.
        """
        with self._lock:
            self._planned, self._door_after = list(faults), door_after

    def strike(self, fault: Fault) -> bool:
        """Say whether this is to happen now; it is then done with."""
        with self._lock:
            if self._planned[:1] != [fault]:
                return False
            del self._planned[0]
            self.faults += 1
            is_last = not self._planned
        if is_last and self._door_after is not Door.OPEN:
            self.door = self._door_after
            self.cut_all()
        return True

    def cut_all(self) -> None:
        """Cut every connection that there is."""
        for talk in list(self._talks):
            talk.cut()

    def close(self) -> None:
        """End."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self.cut_all()
        for thread in self._threads[1:]:
            thread.join()
        for waiting in self._waiting:
            waiting.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._receive(client)

    def _receive(self, client: socket.socket) -> None:
        match self.door:
            case Door.OPEN:
                self._let_through(client)
            case Door.SHUT:
                client.close()
            case Door.SILENT:
                self._waiting.append(client)

    def _let_through(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._port_behind))
        except OSError:
            client.close()
            return
        talk = _Talk(client, server, self)
        thread = threading.Thread(target=talk.run)
        self._talks.append(talk)
        self._threads.append(thread)
        thread.start()


class _Talk:
    """One connection: hears what both say, and breaks off where a fault is due."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: Proxy) -> None:
        self._client, self._server, self._proxy = client, server, proxy
        self._writes: dict[bytes, bool] = {}
        """Whether a prepared statement writes, by its name."""
        self._has_written = False
        self._held: list[bytes] = []
        """What the server answered to a write, until it is the whole answer."""
        self._is_silent = False

    def run(self) -> None:
        """Pass on what is said, until one of them ends it or it is cut."""
        back = threading.Thread(target=self._pump_back)
        back.start()
        self._pump(self._client, Messages(is_client=True), self._hear_client)
        back.join()
        self._client.close()
        self._server.close()

    def cut(self) -> None:
        """End it, in both directions and at once."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pump_back(self) -> None:
        self._pump(self._server, Messages(is_client=False), self._hear_server)

    def _pump(
        self, source: socket.socket, messages: "Messages", hear: Callable[[bytes], None]
    ) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                for message in messages.read(chunk):
                    if not self._is_silent:
                        hear(message)
        self.cut()

    def _hear_client(self, message: bytes) -> None:
        kind, payload = message[:1], message[5:]
        if kind == b"P":
            name, text = payload.split(b"\0", 2)[:2]
            self._writes[name] = bool(WRITE.search(text))
        is_bound = kind == b"B" and self._writes.get(payload.split(b"\0", 2)[1], False)
        if is_bound or (kind == b"Q" and WRITE.search(payload)):
            if self._proxy.strike(Fault.STATEMENT_LOST):
                self.cut()
                return
            self._has_written = True
        self._server.sendall(message)

    def _hear_server(self, message: bytes) -> None:
        if not self._has_written:
            self._client.sendall(message)
            return
        self._held.append(message)
        if message[:1] == b"Z":  # ReadyForQuery: only now is anything certain
            self._answer_write(is_over=message[5:] == IDLE)

    def _answer_write(self, *, is_over: bool) -> None:
        """Pass the answer to a write on; where its transaction is over, a fault may be due."""
        if is_over:
            self._has_written = False
            if self._proxy.strike(Fault.ANSWER_LOST):
                self.cut()
                return
            if self._proxy.strike(Fault.ANSWER_SWALLOWED):
                self._is_silent = True
                return
        self._client.sendall(b"".join(self._held))
        self._held.clear()


class Messages:
    """Cuts one direction of a connection into messages of the protocol."""

    def __init__(self, *, is_client: bool) -> None:
        self._begins = is_client  # what a client says first has no letter
        self._rest = b""

    def read(self, chunk: bytes) -> Iterator[bytes]:
        """Return the messages that are whole now."""
        self._rest += chunk
        while size := self._size():
            message, self._rest = self._rest[:size], self._rest[size:]
            self._begins = False
            yield message

    def _size(self) -> int:
        """Return the size of the first message, 0 where it is not whole."""
        letter = 0 if self._begins else 1
        if len(self._rest) < letter + 4:
            return 0
        size: int = letter + struct.unpack_from(">i", self._rest, letter)[0]
        return size if len(self._rest) >= size else 0


@contextmanager
def proxy_to(port: int) -> Generator[Proxy]:
    """Stand before a server on loopback, until the block ends."""
    with socket.create_server((HOST, 0)) as listener:
        proxy = Proxy(listener, port)
        try:
            yield proxy
        finally:
            proxy.close()


@contextmanager
def black_hole() -> Generator[int]:
    """Have a port whose machine seems to be off: what knocks there is not even refused."""
    with socket.socket() as hole, ExitStack() as undo:
        hole.bind((HOST, 0))
        hole.listen(0)
        port: int = hole.getsockname()[1]
        for _ in range(4):  # who comes after these finds the queue full, and is dropped
            knocking = undo.enter_context(socket.socket())
            knocking.settimeout(0)
            with suppress(BlockingIOError):
                knocking.connect((HOST, port))
        yield port
