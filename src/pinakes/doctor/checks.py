"""The checks, in the order in which they are taken."""

from pinakes.doctor import certificates, copied, login, network, schema, secret, server
from pinakes.doctor.finding import Check

DESCRIBED = ("secret.values", "cert.authorities", "cert.pair")
TRUSTED = ("tcp.connect", "tls.request", "tls.chain", "tls.names")
INSIDE = ("auth.login", "server.version")

CHECKS = (
    Check("secret.source", secret.source),
    Check("secret.keys", secret.keys, needs=["secret.source"]),
    Check("secret.values", secret.values, needs=["secret.keys"]),
    Check("secret.modes", secret.modes, needs=["secret.source"]),
    Check("secret.copy", copied.freshness, needs=["secret.values"]),
    Check("cert.authorities", certificates.authorities, needs=["secret.values"]),
    Check("cert.pair", certificates.pair, needs=["cert.authorities"]),
    Check("cert.expiry", certificates.expiry, needs=DESCRIBED),
    Check("dns.resolve", network.resolution, needs=DESCRIBED),
    Check("tcp.connect", network.connection, needs=["dns.resolve"]),
    Check("tls.request", network.request, needs=["tcp.connect"]),
    Check("tls.chain", network.chain, needs=["tls.request"]),
    Check("tls.names", network.names, needs=["tls.chain"]),
    Check("tls.expiry", network.expiry, needs=["tls.chain"]),
    Check("auth.startup", login.startup, needs=TRUSTED),
    Check("auth.password", login.password, needs=DESCRIBED),
    Check("auth.login", login.login, needs=["auth.startup", "auth.password"]),
    Check("tls.session", login.encryption, needs=["auth.login"]),
    Check("tls.client", login.client_certificate, needs=["auth.login"]),
    Check("server.version", server.version, needs=["auth.login"]),
    Check("server.encoding", server.encoding, needs=INSIDE),
    Check("server.replication", server.replication, needs=INSIDE),
    Check("server.clock", server.clock, needs=INSIDE),
    Check("pgbouncer.presence", server.pooler, needs=INSIDE),
    Check("role.attributes", server.attributes, needs=["auth.login"]),
    Check("role.privileges", server.privileges, needs=["auth.login"]),
    Check("pool.connections", server.connections, needs=["auth.login"]),
    Check("schema.version", schema.version, needs=["server.encoding", "role.privileges"]),
    Check("schema.drift", schema.comparison, needs=["schema.version", "server.replication"]),
    Check("schema.indexes", schema.indexes, needs=["schema.version"]),
    Check("schema.write", schema.write, needs=["schema.version", "server.replication"]),
)
