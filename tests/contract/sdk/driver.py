"""Speak to one server through the SDK of the interpreter that runs this program.

First it writes the version of the SDK. Then it reads one step a line and writes one line for each:
``{"answer": ...}``; ``{"refused": {"status": ..., "message": ...}}`` for an ApiException and for a
login that the OpenID provider refuses; the traceback of any other exception as ``{"failed": ...}``.
A step is an attribute of ``Steps`` and its arguments: ``{"step": "list", "arguments": {...}}``.
"""

import json
import sys
import traceback
from datetime import datetime
from importlib.metadata import version

import seldon_deploy_sdk
from requests import HTTPError
from seldon_deploy_sdk import ApiClient, Configuration, EnvironmentApi, ModelMetadataServiceApi
from seldon_deploy_sdk.auth import OIDCAuthenticator
from seldon_deploy_sdk.rest import ApiException

BASE = "/seldon-deploy/api/v1alpha1"
VERSION = version("seldon-deploy-sdk")
NUMBERS = tuple(map(int, VERSION.split(".")))
METADATA_CALLS_CARRY_BASE = NUMBERS < (1, 3)
"""Before 1.3 the metadata calls, and no others, carried the whole path themselves."""
BODY = "model" if NUMBERS >= (2, 2) else "body"
"""What the body of a create and of an update is called."""


class Steps:
    """What a user of the SDK does."""

    def __init__(self, server):
        self._client = client_of(server + BASE)
        metadata_client = client_of(server) if METADATA_CALLS_CARRY_BASE else self._client
        models = ModelMetadataServiceApi(metadata_client)
        self.list = models.model_metadata_service_list_model_metadata
        self.delete = models.model_metadata_service_delete_model_metadata
        self.list_runtime = models.model_metadata_service_list_runtime_metadata_for_model
        self.user = EnvironmentApi(self._client).read_user
        self._create = models.model_metadata_service_create_model_metadata
        self._update = models.model_metadata_service_update_model_metadata

    def create(self, **fields):
        return self._create(**{BODY: build("V1Model", fields)})

    def update(self, **fields):
        return self._update(**{BODY: build("V1Model", fields)})

    def create_dictionary(self, dictionary):
        return self._create(**{BODY: dictionary})

    def update_dictionary(self, dictionary):
        return self._update(**{BODY: dictionary})

    def health(self, dependency):
        checks = seldon_deploy_sdk.HealthcheckServiceApi(self._client)
        return checks.healthcheck_service_get_dependency_health(dependency)

    def fields(self, kind):
        """Tell the fields of a class by their types; none where it is no class of the SDK."""
        return getattr(getattr(seldon_deploy_sdk, kind, None), "swagger_types", {})

    def values(self, kind):
        """Tell the values of an enum."""
        constants = vars(getattr(seldon_deploy_sdk, kind)).items()
        return [value for name, value in constants if name.isupper()]

    def log_in(self, **login):
        """Log in; the client keeps the authenticator and logs in again when it is answered 401."""
        configuration = self._client.configuration
        for name, value in login.items():
            setattr(configuration, name, value)
        authenticator = OIDCAuthenticator(configuration)
        configuration.id_token = authenticator.authenticate()
        self._client.authenticator = authenticator

    def authorization(self):
        """Tell the header that every call carries."""
        return self._client.configuration.auth_settings()["OAuth2"]["value"]


def client_of(host):
    configuration = Configuration()
    configuration.host = host
    return ApiClient(configuration)


def build(kind, value):
    """Make an object of the SDK, all the way down, as its user would by hand."""
    if kind.startswith("list["):
        return [build(kind[len("list[") : -1], item) for item in value]
    model = getattr(seldon_deploy_sdk, kind, None)
    types = getattr(model, "swagger_types", None)
    if not types:
        return value
    return model(**{name: build(types[name], field) for name, field in value.items()})


def take(steps, step, arguments):
    try:
        answer = getattr(steps, step)(**arguments)
    except ApiException as error:
        message = json.loads(error.body)["message"]
        return {"refused": {"status": error.status, "message": message}}
    except HTTPError as error:
        return {"refused": {"status": error.response.status_code, "message": error.response.text}}
    except Exception:  # noqa: BLE001 - the test that asked shows it
        return {"failed": traceback.format_exc()}
    return {"answer": answer.to_dict() if hasattr(answer, "to_dict") else answer}


def main(server):
    print(VERSION, flush=True)
    steps = Steps(server)
    for line in sys.stdin:
        print(json.dumps(take(steps, **json.loads(line)), default=datetime.isoformat), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
