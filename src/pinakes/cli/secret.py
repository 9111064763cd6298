"""``pinakes secret``: make the secret that Pinakes mounts, and look whether one will do."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Never

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest, read_documents, secrets_in, write_manifest
from pinakes.bridge.operators import BRIDGES
from pinakes.bridge.page import Login, page_manifest
from pinakes.bridge.places import login_of_environment, login_of_uri, password_of
from pinakes.cli import following
from pinakes.cli.cluster import add_from_cluster, read_from_cluster
from pinakes.cli.environment import keep_no_core
from pinakes.cli.failure import CommandFailed
from pinakes.cli.terminal import ask_password, is_shown, is_typed, printable
from pinakes.doctor.finding import Finding, Status
from pinakes.doctor.report import MARKS
from pinakes.doctor.unmounted import examine_login, examine_pair
from pinakes.postgres.connection import MODES, SESSIONS
from pinakes.postgres.sources import ALIASES
from pinakes.postgres.tls import SslMode

PASSWORD = "password"  # noqa: S105 - a name

Found = tuple[str, list[Finding]]
"""The name of a secret, and what is found of it."""

DESCRIPTION = """\
Make the Kubernetes secret that says how to connect, from what you know or from what an operator of
PostgreSQL hands out, and print it as a manifest; or check one that is there. No database is asked,
and no cluster: kubectl brings what is read, and takes what is printed. Only --from-cluster reads
the cluster itself, and --follow, in a pod, writes to it as well.

A password is asked for, or read from a file; it is never an argument, which every user of the
machine could read. Values are checked by the rules that 'pinakes serve' reads them with.
"""

EPILOG = """\
examples:
  pinakes secret create --host db.example --user pinakes --dbname metadata --ca-file ca.crt |
    kubectl apply --server-side -n pinakes -f -
  kubectl get secrets -n postgres -l application=spilo,cluster-name=pinakes-db -o yaml |
    pinakes secret from zalando --user pinakes --dbname metadata |
    kubectl apply --server-side -n pinakes -f -
  kubectl get secret -n pinakes metadata-postgres -o yaml | pinakes secret check
"""

CREATE = """\
Print the manifest of a secret. What stands nowhere else is taken from --uri-file, or with
--from-environment from METADATA_PG_* and libpq's PG*. Without a password there, it is asked for.
"""

CREATE_EXAMPLES = """\
examples:
  pinakes secret create --host db.example --user pinakes --dbname metadata --ca-file ca.crt
  pass show metadata | pinakes secret create --host db --user pinakes --dbname metadata \\
    --password-file -
  pinakes secret create --uri-file uri.txt --ca-file ca.crt
  PGHOST=db PGUSER=pinakes PGDATABASE=metadata pinakes secret create --from-environment
"""

FROM = """\
Print the manifest of a secret made from one that an operator or a cloud hands out: from stdin, a
file (-f) or the cluster (--from-cluster). Only the login and the certificates of the authority are
taken, never a private key. Options win over what is read.

  zalando    the secret of a role, or those of a whole cluster and --user; and one with ca.crt
  cnpg       CLUSTER-app, and CLUSTER-ca for its ca.crt
  crunchy    CLUSTER-pguser-USER, and CLUSTER-cluster-cert for its ca.crt
  rds        the secret string of Secrets Manager, or a secret of a cluster with its parts as keys;
             the authority is Amazon's: --ca-file
  cloudsql   what 'gcloud sql instances describe --format=json' says of an instance

With --from-cluster NAMESPACE/SECRET, for all but the last, the secret is read in the cluster that
kubectl knows, or, where KUBECONFIG is not set, in that of the pod that this runs in, whose service
account needs the verb get on it.

With --follow NAMESPACE/SECRET, in a pod and for the first three, nothing is printed: that secret is
read from the cluster, and the one that is made of it is applied there, at once and whenever the
operator rotates, until SIGTERM.
"""

FROM_EXAMPLES = """\
examples:
  kubectl get secret -n postgres pinakes-db-app pinakes-db-ca -o yaml | pinakes secret from cnpg
  aws secretsmanager get-secret-value --secret-id ID --query SecretString --output text |
    pinakes secret from rds --ca-file global-bundle.pem
  gcloud sql instances describe pinakes --format=json |
    pinakes secret from cloudsql --user pinakes --dbname metadata
  pinakes secret from cnpg --from-cluster postgres/pinakes-db-app \\
    --from-cluster postgres/pinakes-db-ca | kubectl apply --server-side -n pinakes -f -
  pinakes secret from zalando --dbname metadata \\
    --follow postgres/pinakes.pinakes-db.credentials.postgresql.acid.zalan.do
"""

CHECK = """\
Say of every key of a secret who reads it, and whether they say how to connect, in the words of
'pinakes doctor'. The exit code is 0 where no check failed, else 1. No value is ever printed.
"""

CHECK_EXAMPLES = """\
examples:
  pinakes secret check -f metadata-postgres.yaml
  kubectl get secret -n pinakes metadata-postgres -o yaml | pinakes secret check --json
"""

NEVER_AN_ARGUMENT = (
    "a password is no argument, as every user of this machine could read it:"
    " leave it out to be asked for it, or use --password-file"
)
NOBODY_TO_ASK = (
    "there is nobody to ask for the password: use --password-file, or --no-password where the"
    " server wants none"
)
TO_A_TERMINAL = (
    "the password would be shown here; lead the manifest on: | kubectl apply --server-side -f -"
)
NOTHING_PIPED = "nothing is piped in for {option}, and what is typed would be seen"
NOTHING_CAME = "nothing came in: what stands before the pipe may have failed"
VERIFYING = {SslMode.VERIFY_CA.value, SslMode.VERIFY_FULL.value}

UNVERIFIED = (
    "note: nobody verifies which server this is. With the certificate of its authority (--ca-file),"
    " and no --sslmode, that is done"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the commands below this one take.

    Their options are not to be shortened: --password would become another one.
    """
    commands = parser.add_subparsers(dest="secret_command", required=True, metavar="COMMAND")
    for name, (act, purpose, description, examples, add) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add(command)
        command.set_defaults(act=act)


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked; what cannot be done is said without any value."""
    keep_no_core()
    try:
        arguments.act(arguments)
    except BridgeError as error:
        raise CommandFailed(str(error)) from error


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_target(parser)
    places = parser.add_mutually_exclusive_group()
    places.add_argument("--uri-file", metavar="FILE", help="a connection string; - is stdin")
    places.add_argument(
        "--from-environment", action="store_true", help="read METADATA_PG_* and PG* as well"
    )


def _add_from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operator", choices=BRIDGES, metavar="OPERATOR", help=", ".join(BRIDGES))
    _add_target(parser)
    _add_file(parser)
    add_from_cluster(parser)
    following.add_follow(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_file(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", dest="file", metavar="FILE", default="-", help="else stdin is read")


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", default="metadata-postgres", help="of the secret (%(default)s)"
    )
    parser.add_argument("--namespace", help="else that of kubectl, or of the pod")
    parser.add_argument("--host", help="the primary; several stand between commas")
    parser.add_argument("--port", help="5432 where nothing else is said")
    parser.add_argument("--user", help="the role; also chooses among several secrets")
    parser.add_argument("--dbname", help="the database")
    parser.add_argument(
        "--sslmode", choices=MODES, help="verify-full where there is an authority, else require"
    )
    parser.add_argument("--ca-file", metavar="FILE", help="certificates of the authority, as PEM")
    parser.add_argument("--target-session-attrs", choices=SESSIONS, help="which host will do")
    parser.add_argument("--connect-timeout", metavar="SECONDS", help="for each host")
    _add_password(parser)


def _add_password(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--password-file", metavar="FILE", help="holds it; - is stdin")
    group.add_argument("--no-password", action="store_true", help="the server wants none")
    group.add_argument(
        "--insecure-password-argument",
        metavar="PASSWORD",
        help="shows it to every user of this machine, and to the shell's history",
    )
    mistaken = ("--password", "--passwd", "--pass", "-p")
    group.add_argument(*mistaken, nargs="?", action=_Refusal, help=argparse.SUPPRESS)


class _Refusal(argparse.Action):
    """Refuses a password without repeating it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> Never:
        parser.error(NEVER_AN_ARGUMENT)


def _create(arguments: argparse.Namespace) -> None:
    _refuse_terminal()
    if arguments.uri_file is not None:
        told = login_of_uri(_read("--uri-file", arguments.uri_file))
    elif arguments.from_environment:
        told = login_of_environment(os.environ)
    else:
        told = Login({})
    _print_secret(arguments, told)


def _bridge(arguments: argparse.Namespace) -> None:
    if arguments.follow is not None:
        following.run(arguments, _options(arguments), partial(_ca_of, arguments))
    else:
        _refuse_terminal()
        bridge = BRIDGES[arguments.operator]
        read = _documents if arguments.from_cluster is None else read_from_cluster
        _print_secret(arguments, bridge(read(arguments), arguments.user))


def _refuse_terminal() -> None:
    """Keep the password off the screen and out of what it scrolls back to: ``| cat`` shows it."""
    if is_shown():
        raise CommandFailed(TO_A_TERMINAL)


def _print_secret(arguments: argparse.Namespace, told: Login) -> None:
    """Print the secret of what was told, overruled by what stands on the command line."""
    login = told.overruled_by(_options(arguments))
    given = _ca_of(arguments)
    ca = login.ca if given is None else given
    _check_before_asking(arguments, Login(login.values, ca))
    values = _with_password(arguments, login.values)
    origin = login.origin if values.get(PASSWORD) == login.values.get(PASSWORD) else None
    secret = page_manifest(arguments.name, arguments.namespace, Login(values, ca, origin))
    print(write_manifest(secret), end="")
    if secret.files["sslmode"].decode() not in VERIFYING and ca is None:
        print(UNVERIFIED, file=sys.stderr)


def _check_before_asking(arguments: argparse.Namespace, login: Login) -> None:
    """Refuse what no password would mend, before somebody types one in vain."""
    write_manifest(page_manifest(arguments.name, arguments.namespace, login))


def _ca_of(arguments: argparse.Namespace) -> bytes | None:
    return None if arguments.ca_file is None else _read("--ca-file", arguments.ca_file)


def _options(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what the command line says of the keys; a password is none of it."""
    given = {key: getattr(arguments, key) for key in ALIASES if key != PASSWORD}
    return {key: value for key, value in given.items() if value is not None}


def _with_password(arguments: argparse.Namespace, values: Mapping[str, str]) -> Mapping[str, str]:
    """Add the password, which is asked for where nothing else gives one, or leave it out."""
    if arguments.no_password:
        return {key: value for key, value in values.items() if key != PASSWORD}
    if arguments.password_file is not None:
        content = _read("--password-file", arguments.password_file)
        return {**values, PASSWORD: password_of(content)}
    if arguments.insecure_password_argument is not None:
        return {**values, PASSWORD: arguments.insecure_password_argument}
    if PASSWORD in values:
        return values
    whose = f" of {values['user']}" if "user" in values else ""
    return {**values, PASSWORD: ask_password(f"Password{whose}: ", otherwise=NOBODY_TO_ASK)}


def _read(option: str, file: str) -> bytes:
    """Read a file, or with - what is piped in; the option is named, for a file may tell too much.

    What would have to be typed, and be seen, is not read.
    """
    if file == "-":
        if is_typed():
            raise CommandFailed(NOTHING_PIPED.format(option=option))
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        problem = f"the file that {option} names cannot be read: {error.strerror}"
        raise CommandFailed(problem) from error


def _documents(arguments: argparse.Namespace) -> list[object]:
    text = _read("-f", arguments.file)
    if arguments.file == "-" and not text.strip():
        raise CommandFailed(NOTHING_CAME)
    return read_documents(text)


def _check(arguments: argparse.Namespace) -> None:
    """Print what is found, and exit with 1 where a check failed."""
    found = [(secret.name, _examine(secret)) for secret in secrets_in(_documents(arguments))]
    if not found:
        raise CommandFailed("there is no Secret in what was given")
    print(_as_json(found) if arguments.json else printable(_as_text(found)))
    if any(one.status is Status.FAILED for _, findings in found for one in findings):
        sys.exit(1)


def _examine(secret: Manifest) -> list[Finding]:
    examine = examine_pair if secret.is_pair else examine_login
    return examine(secret.name, secret.files)


def _as_json(found: Sequence[Found]) -> str:
    """Write one list, of findings as the doctor has them, each with the secret it is about."""
    return json.dumps(
        [
            {"secret": name, **asdict(finding), "status": finding.status.value}
            for name, findings in found
            for finding in findings
        ],
        indent=2,
    )


def _as_text(found: Sequence[Found]) -> str:
    return "\n\n".join("\n".join([f"Secret {name}", *_lines(findings)]) for name, findings in found)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        yield f"{MARKS[finding.status]} {finding.check:{width}}  {finding.message}"
        if finding.fix:
            yield f"{'':{width + 2}}  → {finding.fix}"


COMMANDS = {
    "create": (_create, "make one from what you know", CREATE, CREATE_EXAMPLES, _add_create),
    "from": (_bridge, "make one from an operator's", FROM, FROM_EXAMPLES, _add_from),
    "check": (_check, "look whether one will do", CHECK, CHECK_EXAMPLES, _add_check),
}
"""Each with what it does, its line of help, its description, examples, and how it is taken."""
