import { type Auth, Role, Scope, SCOPES } from "../auth/mod.ts";
import type { TokenView, UserView } from "../auth/mod.ts";
import { systemClock } from "../clock.ts";
import { ApiClient, CLIENT_OPTIONS } from "./api_client.ts";
import {
  type CliHost,
  type CommandArgs,
  CommandFailed,
  type CommandSpec,
  UsageError,
  wholeNumber,
} from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { withAuth } from "./store.ts";
import { columns, stamp } from "./text.ts";

const ACTOR = "local:command-line";
const DAY_MS = 86_400_000;
const NOTES = [
  "Works on the data folder while Holdfast is not running. While it runs, give --url (and --token where people log in).",
];

const tokenIssue: CommandSpec = {
  name: "token issue",
  summary: "Issue an API token; it is shown once",
  positionals: "NAME",
  options: {
    ...CLIENT_OPTIONS,
    role: { value: "ROLE", help: "observer, operator or admin (default: operator)" },
    scope: { value: "SCOPE", multiple: true, help: `Only ${SCOPES.join(", ")}; repeat for more` },
    days: { value: "NUMBER", help: "Void after so many days (default: never)" },
  },
  notes: NOTES,
  async run(args, host) {
    const days = wholeNumber(args, "days");
    const ask = {
      name: args.positionals[0]!,
      role: roleOf(args.text("role") ?? "operator"),
      scopes: args.list("scope").map(scopeOf),
      expiresAtMs: days === undefined ? null : systemClock.nowMs() + days * DAY_MS,
    };
    const token = isRemote(args, host)
      ? (await ApiClient.of(args, host).json<{ token: string }>("POST", "/tokens", ask)).token
      : await withAuth(args, host, async (auth) => {
        const issued = await auth.tokens.issue(ask, ACTOR);
        if (!issued.ok) throw new CommandFailed(EXIT.refused, `Refused: ${issued.refusal.kind}`);
        return issued.value.token;
      });
    host.out(token);
    host.err("Keep it now: only its hash is stored, and it is never shown again");
    return EXIT.ok;
  },
};

const tokenList: CommandSpec = {
  name: "token list",
  summary: "List API tokens",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  async run(args, host) {
    const tokens = isRemote(args, host)
      ? (await ApiClient.of(args, host).json<{ tokens: TokenView[] }>("GET", "/tokens")).tokens
      // deno-lint-ignore require-await
      : await withAuth(args, host, async (auth) => auth.tokens.list());
    const rows = tokens.map((t) => [
      t.id,
      t.role,
      t.scopes.join(",") || "all",
      t.expired ? "expired" : stamp(t.expiresAtMs),
      stamp(t.lastUsedAtMs),
      t.name,
    ]);
    for (const line of columns(["Id", "Role", "Scopes", "Void from", "Last used", "Name"], rows)) {
      host.out(line);
    }
    return EXIT.ok;
  },
};

const tokenRevoke: CommandSpec = {
  name: "token revoke",
  summary: "Revoke an API token",
  positionals: "ID",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  async run(args, host) {
    const id = args.positionals[0]!;
    if (isRemote(args, host)) {
      await ApiClient.of(args, host).fetch("DELETE", `/tokens/${encodeURIComponent(id)}`);
    } else {
      await withAuth(args, host, async (auth) => {
        const revoked = await auth.tokens.revoke(id, ACTOR);
        if (!revoked.ok) throw new CommandFailed(EXIT.refused, `There is no token "${id}"`);
      });
    }
    host.err(`Token ${id} is void`);
    return EXIT.ok;
  },
};

const userAdd: CommandSpec = {
  name: "user add",
  summary: "Add a user; asks for the password",
  positionals: "NAME",
  options: {
    ...CLIENT_OPTIONS,
    role: { value: "ROLE", help: "observer, operator or admin (default: operator)" },
  },
  notes: [...NOTES, "Where nobody sits at a terminal, the password is the first line of stdin."],
  async run(args, host) {
    const name = args.positionals[0]!;
    const role = roleOf(args.text("role") ?? "operator");
    const password = await host.readSecret(`Password for ${name}`);
    const user = isRemote(args, host)
      ? await ApiClient.of(args, host).json<UserView>("POST", "/users", { name, role, password })
      : await withAuth(args, host, (auth) => done(auth.users.add({ name, role, password }, ACTOR)));
    host.err(`User ${user.name} is ${user.role}`);
    return EXIT.ok;
  },
};

const userList: CommandSpec = {
  name: "user list",
  summary: "List users",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  async run(args, host) {
    const users = isRemote(args, host)
      ? (await ApiClient.of(args, host).json<{ users: UserView[] }>("GET", "/users")).users
      // deno-lint-ignore require-await
      : await withAuth(args, host, async (auth) => auth.users.list());
    const rows = users.map((u) => [u.role, stamp(u.createdAtMs), u.name]);
    for (const line of columns(["Role", "Added", "Name"], rows)) host.out(line);
    return EXIT.ok;
  },
};

const userRole: CommandSpec = {
  name: "user role",
  summary: "Change a user's role",
  positionals: "NAME ROLE",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  run: (args, host) => {
    const role = roleOf(args.positionals[1]!);
    return change(args, host, { role }, (auth, name) => auth.users.setRole(name, role, ACTOR));
  },
};

const userPassword: CommandSpec = {
  name: "user password",
  summary: "Set a user's password and end the user's sessions",
  positionals: "NAME",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  async run(args, host) {
    const password = await host.readSecret(`New password for ${args.positionals[0]}`);
    return await change(
      args,
      host,
      { password },
      (auth, name) => auth.users.setPassword(name, password, ACTOR),
    );
  },
};

const userRemove: CommandSpec = {
  name: "user remove",
  summary: "Remove a user and end the user's sessions",
  positionals: "NAME",
  options: CLIENT_OPTIONS,
  notes: NOTES,
  async run(args, host) {
    const name = args.positionals[0]!;
    if (isRemote(args, host)) {
      await ApiClient.of(args, host).fetch("DELETE", `/users/${encodeURIComponent(name)}`);
    } else await withAuth(args, host, (auth) => done(auth.users.remove(name, ACTOR)));
    host.err(`User ${name} is removed`);
    return EXIT.ok;
  },
};

export const ACCESS_COMMANDS = [
  userAdd,
  userList,
  userRole,
  userPassword,
  userRemove,
  tokenIssue,
  tokenList,
  tokenRevoke,
];

type Change = (auth: Auth, name: string) => ReturnType<Auth["users"]["setRole"]>;

async function change(
  args: CommandArgs,
  host: CliHost,
  body: { role?: Role; password?: string },
  offline: Change,
): Promise<number> {
  const name = args.positionals[0]!;
  const user = isRemote(args, host)
    ? await ApiClient.of(args, host).json<UserView>(
      "PATCH",
      `/users/${encodeURIComponent(name)}`,
      body,
    )
    : await withAuth(args, host, (auth) => done(offline(auth, name)));
  host.err(`User ${user.name} is ${user.role}`);
  return EXIT.ok;
}

async function done(work: ReturnType<Auth["users"]["setRole"]>): Promise<UserView> {
  const result = await work;
  if (result.ok) return result.value;
  const { refusal } = result;
  switch (refusal.kind) {
    case "user-unknown":
      throw new CommandFailed(EXIT.refused, `There is no user "${refusal.name}"`);
    case "user-exists":
      throw new CommandFailed(EXIT.refused, `There is a user "${refusal.name}" already`);
    case "bad-name":
      throw new CommandFailed(
        EXIT.refused,
        `"${refusal.name}" cannot be a user's name: 1 to 32 letters, digits, ., _ and -, starting with a letter`,
      );
    case "bad-password":
      throw new CommandFailed(EXIT.refused, `That password cannot be used. ${refusal.why}`);
    case "last-admin":
      throw new CommandFailed(
        EXIT.refused,
        `"${refusal.name}" is the last admin; make somebody else admin first`,
      );
  }
}

/** Whether a running instrument was named. */
function isRemote(args: CommandArgs, host: CliHost): boolean {
  return args.text("url") !== undefined || Boolean(host.env.HOLDFAST_URL);
}

function roleOf(text: string): Role {
  const role = Role.safeParse(text);
  if (role.success) return role.data;
  throw new UsageError(`"${text}" is no role: observer, operator or admin`);
}

function scopeOf(text: string): Scope {
  const scope = Scope.safeParse(text);
  if (scope.success) return scope.data;
  throw new UsageError(`"${text}" is no scope: ${SCOPES.join(", ")}`);
}
