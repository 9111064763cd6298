"""Speak to a server without libpq: each step by itself, so that the reason of a failure is told.

No password is ever sent from here: a conversation ends where the server asks for one.
"""

import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pinakes.postgres.connection import NOWHERE
from pinakes.postgres.diagnosis.certificates import X509, read_certificates
from pinakes.postgres.tls import SslMode

SECONDS = 3.0
"""How long a step may take."""
AT_ONCE = 16

DEFAULT_PORT = 5432
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
ANSWERS = (b"S", b"N")
PROTOCOL_3 = 196608
LENGTH = struct.Struct("!i")
MAX_MESSAGE = 64 * 1024

AUTHENTICATION, ERROR = b"R", b"E"
STRANGER = "it speaks another protocol"
GONE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
WAYS = {
    SslMode.DISABLE: (False,),
    SslMode.ALLOW: (False, True),
    SslMode.PREFER: (True, False),
}
"""With TLS or without, in the order in which libpq tries them; else only with it."""

Subject = TypeVar("Subject")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Place:
    """A host of the configuration, and its port."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether it is the directory of a Unix socket."""
        return self.host.startswith(("/", "@"))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host."""

    place: Place
    ip: str

    def __str__(self) -> str:
        return str(self.place) if self.ip == self.place.host else f"{self.place} ({self.ip})"


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a server answers the wish for TLS."""

    address: Address
    speaks_tls: bool
    certificate: X509 | None = None
    verify_code: int = 0
    """OpenSSL's number of what is wrong with the server's certificate; 0 where nothing is."""
    problem: str = ""
    """Why there is no TLS that can be trusted, beyond a plain no."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a server answers a user who wants to come in."""

    address: Address
    method: int | None
    """The number of the authentication that it asks for, None where it refuses."""
    sqlstate: str = ""
    message: str = ""
    problem: str = ""
    """Why what listens there does not seem to be PostgreSQL."""


def places_of(parameters: Mapping[str, str]) -> list[Place]:
    """Pair the hosts with their ports."""
    hosts = parameters["host"].split(",")
    ports = parameters["port"].split(",")
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    return [Place(host, int(port or DEFAULT_PORT)) for host, port in zip(hosts, ports, strict=True)]


def each(what: Iterable[Subject], do: Callable[[Subject], Result]) -> list[Result]:
    """Do the same with all of them at once, so that it takes no longer than the slowest."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(do, what))


def resolve(place: Place) -> list[Address]:
    """Return every address of a host; none where its name is not known."""
    if place.is_local:
        return [Address(place, place.host)]
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [Address(place, ip) for ip in dict.fromkeys(str(entry[4][0]) for entry in found)]


def reach(address: Address) -> str:
    """Return why an address cannot be reached; nothing where it can."""
    try:
        _connect(address).close()
    except TimeoutError:
        return f"does not answer within {SECONDS:.0f} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def shake_hands(address: Address, parameters: Mapping[str, str]) -> Handshake:
    """Ask for TLS, and see whose certificate comes and whether it is to be trusted."""
    if address.place.is_local:
        return Handshake(address, speaks_tls=False)
    try:
        with (
            _connect(address) as connection,
            _secured(connection, _verifying(parameters)) as secure,
        ):
            return Handshake(address, speaks_tls=True, certificate=_certificate_of(secure))
    except NotSpoken:
        return Handshake(address, speaks_tls=False)
    except ssl.SSLCertVerificationError as error:
        return Handshake(
            address,
            speaks_tls=True,
            certificate=_look_at_certificate(address, parameters),
            verify_code=error.verify_code,
            problem=error.verify_message,
        )
    except OSError as error:
        is_tls = isinstance(error, ssl.SSLError)
        return Handshake(address, speaks_tls=is_tls, problem=_reason(error))


def ask_to_start(address: Address, parameters: Mapping[str, str]) -> Answer:
    """Say who wants to come in and to which database, and hear what the server says to that.

    Where libpq tries again, with TLS or without, so do we; of two refusals that by TLS counts.
    """
    answers: dict[bool, Answer] = {}
    for encrypted in _ways(address, SslMode(parameters["sslmode"])):
        with suppress(NotSpoken):
            answers[encrypted] = _ask(address, parameters, encrypted=encrypted)
            if answers[encrypted].method is not None:
                return answers[encrypted]
    refusals = [answers[way] for way in (True, False) if way in answers]
    refusals.append(Answer(address, None, problem="it speaks no TLS"))
    return next((one for one in refusals if not one.problem), refusals[0])


def _ways(address: Address, mode: SslMode) -> Sequence[bool]:
    """Return whether to ask by TLS, once for every time."""
    return (False,) if address.place.is_local else WAYS.get(mode, (True,))


def _ask(address: Address, parameters: Mapping[str, str], *, encrypted: bool) -> Answer:
    """Ask in one of the two ways. Raises NotSpoken where the server has no TLS."""
    try:
        return (_ask_by_tls if encrypted else _ask_once)(address, parameters)
    except NotSpoken:
        raise
    except OSError as error:
        return _unheard(address, error)


def _ask_by_tls(address: Address, parameters: Mapping[str, str]) -> Answer:
    """Ask again where who refuses our certificate in TLS 1.3 is gone before we hear it."""
    try:
        return _ask_once(address, parameters, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    except GONE:
        return _ask_once(address, parameters, ssl.TLSVersion.TLSv1_2)


def _ask_once(
    address: Address, parameters: Mapping[str, str], newest: ssl.TLSVersion | None = None
) -> Answer:
    """Ask by a TLS no newer than that, or in plain text."""
    with _connect(address) as plain, _as_wished(plain, parameters, newest) as stream:
        stream.sendall(_startup(parameters))
        return _hear(address, stream)


class NotSpoken(OSError):
    """The server speaks no TLS."""


def _connect(address: Address) -> socket.socket:
    if address.place.is_local:
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(SECONDS)
        local.connect(f"{address.place.host}/.s.PGSQL.{address.place.port}")
        return local
    return socket.create_connection((address.ip, address.place.port), SECONDS)


def _secured(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Go over to TLS. Raises NotSpoken where the server does not."""
    connection.sendall(SSL_REQUEST)
    answer = connection.recv(1)
    if answer not in ANSWERS:
        raise ConnectionAbortedError(STRANGER)
    if answer != b"S":
        raise NotSpoken
    return context.wrap_socket(connection)


def _as_wished(
    connection: socket.socket, parameters: Mapping[str, str], newest: ssl.TLSVersion | None
) -> socket.socket:
    """Go over to TLS where that is wished for; who answers was looked at before."""
    if newest is None:
        return connection
    context = _trusting(parameters)
    context.maximum_version = newest
    return _secured(connection, context)


def _trusting(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """Trust everybody: to see a certificate, and to hear what its owner says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if parameters.get("sslcert", NOWHERE) != NOWHERE:
        context.load_cert_chain(parameters["sslcert"], parameters["sslkey"])
    return context


def _verifying(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """Trust whom the configuration trusts; names are compared apart."""
    context = _trusting(parameters)
    if parameters.get("sslrootcert", NOWHERE) != NOWHERE:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(parameters["sslrootcert"])
    return context


def _look_at_certificate(address: Address, parameters: Mapping[str, str]) -> X509 | None:
    try:
        with _connect(address) as connection, _secured(connection, _trusting(parameters)) as secure:
            return _certificate_of(secure)
    except OSError:
        return None


def _certificate_of(secure: ssl.SSLSocket) -> X509 | None:
    der = secure.getpeercert(binary_form=True)
    pem = ssl.DER_cert_to_PEM_cert(der) if der else ""
    return next(iter(read_certificates(pem.encode())), None)


def _startup(parameters: Mapping[str, str]) -> bytes:
    told = {"user": parameters["user"], "database": parameters["dbname"]}
    text = "".join(f"{name}\0{value}\0" for name, value in told.items()) + "\0"
    body = LENGTH.pack(PROTOCOL_3) + text.encode()
    return LENGTH.pack(LENGTH.size + len(body)) + body


def _hear(address: Address, stream: socket.socket) -> Answer:
    """Take the first message of the server, of which PostgreSQL knows two."""
    kind = _read(stream, 1)
    if kind not in (AUTHENTICATION, ERROR):
        return Answer(address, None, problem=STRANGER)
    (length,) = LENGTH.unpack(_read(stream, LENGTH.size))
    body = _read(stream, min(max(length - LENGTH.size, 0), MAX_MESSAGE))
    if kind == AUTHENTICATION and len(body) < LENGTH.size:
        return Answer(address, None, problem=STRANGER)
    if kind == AUTHENTICATION:
        return Answer(address, LENGTH.unpack_from(body)[0])
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return Answer(address, None, fields.get(b"C", ""), fields.get(b"M", ""))


def _read(stream: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        part = stream.recv(length - len(read))
        if not part:
            raise ConnectionAbortedError("the server closed the connection")
        read += part
    return read


def _unheard(address: Address, error: OSError) -> Answer:
    """Tell what TLS says, which comes of the server, from a lack of any word of it."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, GONE):
        return Answer(address, None, message=_reason(error))
    return Answer(address, None, problem=_reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return (error.strerror or str(error)).lower()
