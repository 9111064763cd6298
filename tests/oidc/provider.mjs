// A real OpenID provider, with the keys and the users of one test.
//
// The first line of its standard input is its configuration, JSON:
//   port      where it listens on 127.0.0.1; 0 for a free port
//   keys      private JWKs: all are published, the first one signs
//   client    { id, secret }: may log in users by their passwords, and itself by its secret
//   users     [{ password, claims: { sub, preferred_username, name, email, groups } }]
//   audience  of an access token, unless the client names the resource that it is for
//   lifetime  of every token, in seconds
// When it answers it writes one line, { "issuer": ... }. It ends when its standard input does.

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { Provider, errors } from "oidc-provider";

const HOST = "127.0.0.1";
const CLAIMS_OF_SCOPES = {
  openid: ["sub"],
  profile: ["preferred_username", "name"],
  email: ["email"],
  groups: ["groups"],
};
const SCOPES = Object.keys(CLAIMS_OF_SCOPES);
// What an access token is for when the client names no resource: the configured audience.
const UNNAMED_RESOURCE = "urn:unnamed";

async function serve(configuration) {
  const server = createServer().listen(configuration.port, HOST);
  await once(server, "listening");
  const issuer = `http://${HOST}:${server.address().port}`;
  server.on("request", newProvider(issuer, configuration).callback());
  return issuer;
}

function newProvider(issuer, configuration) {
  const provider = new Provider(issuer, settings(configuration));
  const parameters = ["username", "password", "scope", "resource"];
  provider.registerGrantType("password", passwordGrant(configuration), parameters);
  provider.on("grant.error", (ctx, error) => console.error(error.message, error.error_detail));
  provider.on("server_error", (ctx, error) => console.error(error));
  return provider;
}

function settings(configuration) {
  const { keys, client, lifetime } = configuration;
  return {
    jwks: { keys },
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ["password", "client_credentials"],
        response_types: [],
        redirect_uris: [],
        id_token_signed_response_alg: keys[0].alg,
      },
    ],
    claims: CLAIMS_OF_SCOPES,
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime, IdToken: lifetime },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => UNNAMED_RESOURCE,
        getResourceServerInfo: (ctx, resource) => resourceServer(configuration, resource),
      },
    },
  };
}

function resourceServer({ keys, audience }, resource) {
  return {
    audience: resource === UNNAMED_RESOURCE ? audience : resource,
    scope: SCOPES.join(" "),
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: keys[0].alg } },
  };
}

// The grant that the platform's SDK uses by default, and that oidc-provider leaves to its users.
function passwordGrant(configuration) {
  return async (ctx) => {
    const { provider, client, params } = ctx.oidc;
    const claims = claimsOf(configuration.users, params.username, params.password);
    const scopes = (params.scope ?? "").split(" ").filter((scope) => SCOPES.includes(scope));
    const scope = scopes.join(" ");

    const resource = params.resource ?? UNNAMED_RESOURCE;
    const server = resourceServer(configuration, resource);
    const accessToken = new provider.AccessToken({ accountId: claims.sub, client, scope });
    accessToken.resourceServer = new provider.ResourceServer(resource, server);

    const idToken = new provider.IdToken(claims, { ctx });
    idToken.scope = scope;

    ctx.body = {
      access_token: await accessToken.save(),
      id_token: scopes.includes("openid") ? await idToken.issue({ use: "idtoken" }) : undefined,
      token_type: accessToken.tokenType,
      expires_in: accessToken.expiration,
      scope,
    };
  };
}

function claimsOf(users, username, password) {
  const user = users.find(({ claims }) => claims.preferred_username === username);
  if (user?.password !== password) {
    throw new errors.InvalidGrant("wrong username or password");
  }
  return user.claims;
}

const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit());
const [line] = await once(lines, "line");
console.log(JSON.stringify({ issuer: await serve(JSON.parse(line)) }));
