import { type CliHost, type CommandArgs, CommandFailed, type OptionSpec } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** Options of every command that speaks to a running instrument. */
export const CLIENT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  url: { value: "URL", help: "The instrument (default: HOLDFAST_URL, else http://127.0.0.1:8000)" },
  token: { value: "TOKEN", help: "API token; HOLDFAST_TOKEN keeps it out of the process list" },
};

const DEFAULT_URL = "http://127.0.0.1:8000";

/** The interface of a running instrument, for the command line. Failures come as `CommandFailed`. */
export class ApiClient {
  private constructor(readonly url: string, private readonly token: string | undefined) {}

  /** @throws {CommandFailed} when the address is none. */
  static of(args: CommandArgs, host: CliHost): ApiClient {
    const text = args.text("url") ?? (host.env.HOLDFAST_URL || DEFAULT_URL);
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
      throw new CommandFailed(EXIT.usage, `"${text}" is no address such as ${DEFAULT_URL}`);
    }
    const { origin } = new URL(text);
    return new ApiClient(origin, args.text("token") ?? (host.env.HOLDFAST_TOKEN || undefined));
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.fetch(method, path, body);
    return await reply.json() as T;
  }

  /** @throws {CommandFailed} `unreachable` when nothing answers, `refused` when the answer is a problem. */
  async fetch(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    let reply: Response;
    try {
      reply = await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers,
        redirect: "manual",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new CommandFailed(
        EXIT.unreachable,
        `No answer from ${this.url}. Is Holdfast running there? --url names another address`,
        { cause },
      );
    }
    if (reply.ok) return reply;
    throw new CommandFailed(EXIT.refused, await refusalText(reply, this.url));
  }
}

async function refusalText(reply: Response, url: string): Promise<string> {
  const text = await reply.text();
  try {
    const problem = JSON.parse(text) as {
      title?: string;
      detail?: string;
      errors?: { path?: string; line?: number | null; message: string }[];
    };
    const lines = (problem.errors ?? []).map(({ path, line, message }) => {
      const place = typeof line === "number" ? `line ${line}` : path;
      return `  ${place === undefined || place === "" ? "" : `${place}: `}${message}`;
    });
    const hint = reply.status === 401
      ? '\nGive a token with --token or HOLDFAST_TOKEN; an admin issues one with "holdfast token issue"'
      : "";
    return [`${problem.title ?? reply.status}: ${problem.detail ?? ""}`, ...lines].join("\n") +
      hint;
  } catch {
    return `${url} answered ${reply.status}; is that a Holdfast?`;
  }
}
