"""What the chart is rendered with."""

from typing import Any

Values = dict[str, Any]

NOTHING: Values = {}

PAGE: Values = {
    "metadata": {
        "pg": {
            "enabled": True,
            "secret": "metadata-postgres",
            "clientTLSSecret": "postgres-client-certs",
        }
    }
}
"""The values of the platform's page, and nothing else."""

OWN_SECRET: Values = {"metadata": {"pg": {"enabled": True}}}

TWO_ROLES: Values = PAGE | {
    "migrations": {"secret": "metadata-postgres-owner", "clientTLSSecret": "owner-client-certs"}
}

TRIAL: Values = {"metadata": {"pg": {"embedded": True}}}

ISSUER: Values = {
    "auth": {"oidc": {"issuers": ["https://keycloak.example/realms/ml"], "audiences": ["sd-api"]}}
}

FOLLOWER: Values = OWN_SECRET | {
    "follower": {
        "operator": "zalando",
        "namespace": "postgres",
        "secret": "pinakes.pinakes-db.credentials.postgresql.acid.zalan.do",
        "options": ["--dbname=metadata"],
    },
    "networkPolicy": {"enabled": True},
}

OPENSHIFT: Values = PAGE | {"podSecurityContext": {"runAsUser": None, "fsGroup": None}}
"""Where the cluster chooses user and group by itself."""

EVERYTHING: Values = TWO_ROLES | {
    "metadata": PAGE["metadata"] | {"disableRuntimeMetadata": True, "disableRuntimeWatchers": True},
    "auth": {
        "oidc": {
            "issuers": [
                "https://keycloak.example/realms/ml",
                "https://kubernetes.default.svc.cluster.local",
            ],
            "audiences": ["sd-api", "pinakes"],
            "caConfigMap": "corporate-ca",
        },
        "claims": {
            "user": "email",
            "serviceAccount": "sub",
            "groups": "roles",
            "name": "given_name",
            "email": "mail",
        },
        "policy": {"configMap": "seldon-deploy-policies"},
    },
    "image": {
        "repository": "images.example/pinakes",
        "digest": f"sha256:{'0123456789abcdef' * 4}",
        "pullSecrets": ["images-example"],
    },
    "autoscaling": {"enabled": True},
    "service": {"annotations": {"example.com/owner": "ml"}},
    "tls": {"secret": "pinakes-tls"},
    "allowedHosts": ["catalogue.example"],
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"},
        "hosts": ["pinakes.example", "models.example"],
        "tlsSecret": "pinakes-example",
    },
    "httpRoute": {
        "enabled": True,
        "annotations": {"example.com/owner": "ml"},
        "parentRefs": [{"name": "gateway", "namespace": "gateways", "sectionName": "https"}],
        "hostnames": ["pinakes.gateway.example"],
    },
    "networkPolicy": {
        "enabled": True,
        "namespaces": ["ingress-nginx"],
        "metricsNamespaces": ["monitoring"],
        "postgres": {"ports": [5432], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    },
    "serviceMonitor": {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}},
    "prometheusRule": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "postgresExporterJob": "postgres-exporter",
    },
    "dashboard": {"enabled": True, "labels": {"grafana_folder": "ml"}},
    "extraCA": {"configMap": "corporate-bundle"},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "serviceAccount": {"name": "pinakes-server", "annotations": {"example.com/owner": "ml"}},
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
                        ]
                    }
                ]
            }
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "server"}},
        }
    ],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "ml", "effect": "NoSchedule"}
    ],
    "priorityClassName": "important",
    "podAnnotations": {"example.com/owner": "ml"},
    "podLabels": {"example.com/team": "ml"},
    "commonLabels": {"example.com/cost-centre": "42"},
}
"""Whatever can be set together is set."""

SHOWN = {
    "nothing": NOTHING,
    "page": PAGE,
    "two-roles": TWO_ROLES,
    "trial": TRIAL,
    "openshift": OPENSHIFT,
    "follower": FOLLOWER,
    "everything": EVERYTHING,
}
"""What snapshots are kept of."""

MATRIX: dict[str, Values] = SHOWN | {
    "own secret": OWN_SECRET,
    "anonymous readers": PAGE | {"auth": {"allowAnonymous": "read"}},
    "anonymous writers": {"auth": {"allowAnonymous": "write"}},
    "writers": PAGE | {"auth": ISSUER["auth"] | {"writers": ["group:ml", "ada"]}},
    "owner's secret alone": PAGE | {"migrations": {"secret": "owner"}},
    "owner's certificate alone": PAGE | {"migrations": {"clientTLSSecret": "owner"}},
    "migrated by hand": PAGE | {"migrations": {"enabled": False}},
    "one replica": PAGE | {"replicas": 1, "pdb": {"enabled": False}},
    "ingress": PAGE | ISSUER | {"ingress": {"enabled": True, "hosts": ["pinakes.example"]}},
    "monitor without rules": {"serviceMonitor": {"enabled": True}},
    "closed network": {"networkPolicy": {"enabled": True}},
    "closed network, issuer": PAGE | ISSUER | {"networkPolicy": {"enabled": True}},
    "account of others": {"serviceAccount": {"create": False, "name": "builder"}},
    "default account": {"serviceAccount": {"create": False}},
    "trial, class and image": TRIAL
    | {"trial": {"storageClassName": "fast"}, "image": {"tag": "main"}},
    "long name": PAGE | {"fullnameOverride": "m" * 63},
    "part of a chart": {"global": {"registry": "images.example"}},
    "defaults taken away": {
        "resources": {"limits": {"memory": None}},
        "pdb": {"maxUnavailable": "50%"},
    },
}
