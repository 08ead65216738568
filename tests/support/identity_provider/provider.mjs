// A real OpenID provider for tests: oidc-provider with accounts and tokens in files, so that a test
// changes groups, removes accounts, and starts it again with other keys.
//
// node provider.mjs CONFIG.json; the line "ready" says that it answers.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Provider } from "oidc-provider";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
const STORE = join(config.folder, "store.json");

function read(file, otherwise) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  }
}

function write(rows) {
  writeFileSync(`${STORE}.new`, JSON.stringify(rows));
  renameSync(`${STORE}.new`, STORE);
}

const rows = read(STORE, {});

/** Rows by kind and id, in one file. */
class FileAdapter {
  constructor(kind) {
    this.kind = kind;
  }
  async upsert(id, payload, seconds) {
    rows[`${this.kind}:${id}`] = { payload, until: seconds ? Date.now() + seconds * 1000 : null };
    write(rows);
  }
  async find(id) {
    const row = rows[`${this.kind}:${id}`];
    return row && (row.until === null || row.until > Date.now()) ? row.payload : undefined;
  }
  async findBy(field, value) {
    const found = Object.entries(rows).find(([key, row]) => key.startsWith(`${this.kind}:`) && row.payload[field] === value);
    return found && this.find(found[0].slice(this.kind.length + 1));
  }
  findByUid(uid) {
    return this.findBy("uid", uid);
  }
  findByUserCode(code) {
    return this.findBy("userCode", code);
  }
  async consume(id) {
    rows[`${this.kind}:${id}`].payload.consumed = Math.floor(Date.now() / 1000);
    write(rows);
  }
  async destroy(id) {
    delete rows[`${this.kind}:${id}`];
    write(rows);
  }
  async revokeByGrantId(grant) {
    for (const [key, row] of Object.entries(rows)) if (row.payload.grantId === grant) delete rows[key];
    write(rows);
  }
}

const provider = new Provider(config.issuer, {
  adapter: FileAdapter,
  clients: config.clients,
  jwks: { keys: config.keys },
  cookies: { keys: [config.cookieKey] },
  conformIdTokenClaims: !config.idTokenClaims,
  scopes: ["openid", "offline_access"],
  claims: { openid: ["sub"], profile: ["preferred_username", "name"], email: ["email", "email_verified"], groups: ["groups"] },
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, rpInitiatedLogout: { enabled: true }, devInteractions: { enabled: true } },
  issueRefreshToken: async (ctx, client) => config.refreshTokens !== false && client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  ttl: { AccessToken: 60, AuthorizationCode: 60, DeviceCode: 600, IdToken: 60, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
  async findAccount(ctx, id) {
    const account = read(join(config.folder, "accounts.json"), {})[id];
    return account && { accountId: id, claims: async () => ({ sub: id, ...account }) };
  },
  // People are not asked whether this client may know who they are.
  async loadExistingGrant(ctx) {
    const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
    const grant = (known && (await ctx.oidc.provider.Grant.find(known))) || new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid offline_access profile email groups");
    await grant.save();
    return grant;
  },
});

provider.listen(config.port, "127.0.0.1", () => console.log("ready"));
