// A published identity provider as somebody else would run it: requests pushed, codes bound to a DPoP key with a nonce.
// It signs in the one person it knows as soon as it is asked to. Prints what it was asked, one JSON object a line.
import { createServer } from "node:http";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

console.info = console.warn = console.error; // what is told here goes alone to standard output
const [port, callback, acr] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...privateKey.export({ format: "jwk" }), kid: "of-the-provider", alg: "ES256", use: "sig" };
const client = (id) => ({
  client_id: id,
  redirect_uris: [callback],
  response_types: ["code"],
  grant_types: ["authorization_code"],
  token_endpoint_auth_method: "none",
  id_token_signed_response_alg: "ES256",
  require_pushed_authorization_requests: true,
  dpop_bound_access_tokens: true,
});
const person = { name: "Người Ngoài (thử nghiệm)", birthdate: "1990-02-03", vn_citizen_number: "001190000123" };

const provider = new Provider(issuer, {
  clients: [client("motlan-citizens"), client("motlan-officers")],
  jwks: { keys: [key] },
  features: {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
  },
  claims: { acr: null, auth_time: null, iss: null, sid: null, openid: ["sub", ...Object.keys(person)] },
  conformIdTokenClaims: false,
  acrValues: [acr],
  scopes: ["openid"],
  pkce: { required: () => true },
  cookies: { keys: [randomBytes(16).toString("hex")] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...person }) }),
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid");
    grant.addOIDCClaims(Object.keys(person));
    await grant.save();
    return grant;
  },
});

const tell = (what) => console.log(JSON.stringify(what));
provider.on("pushed_authorization_request.success", () => tell({ pushed: true }));
provider.on("pushed_authorization_request.error", (_, error) => tell({ refused: error.message }));
provider.on("authorization.error", (_, error) => tell({ refused: error.message }));
provider.on("grant.error", (_, error) => tell({ refused: error.message }));
provider.on("grant.success", (ctx) => tell({ bound: ctx.oidc.entities.AccessToken?.jkt ?? null }));
provider.on("server_error", (_, error) => tell({ fault: error.message }));

const answer = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return answer(request, response);
  const signedIn = { login: { accountId: "person-1", acr, amr: ["pwd", "otp"] } };
  await provider.interactionFinished(request, response, signedIn, { mergeWithLastSubmission: false });
}).listen(Number(port), "127.0.0.1", () => tell({ listening: issuer }));
