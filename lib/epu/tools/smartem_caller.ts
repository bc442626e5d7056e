import { z } from "zod";

/** The interface did not answer, or not as a SmartEM interface does. */
export class SmartemUnreachable extends Error {
  override readonly name = "SmartemUnreachable";
}

const Entities = z.array(z.looseObject({ uuid: z.string() }));
export type Entity = z.infer<typeof Entities>[number];

const TIMEOUT_MS = 30_000;

/** Calls a SmartEM interface, ours or an original backend. */
export class SmartemCaller {
  readonly #base: string;

  /** `base`: with its path, `http://127.0.0.1:8000/smartem`. */
  constructor(base: string, private readonly token?: string) {
    this.#base = base.replace(/\/+$/, "");
  }

  /** @throws {SmartemUnreachable} */
  async send(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; text: string }> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      const reply = await fetch(`${this.#base}${path}`, {
        method,
        headers,
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, text: await reply.text() };
    } catch (cause) {
      throw new SmartemUnreachable(`No answer from ${this.#base}`, { cause });
    }
  }

  /** Entities of a list. @throws {SmartemUnreachable} */
  async list(path: string): Promise<Entity[]> {
    const { status, text } = await this.send("GET", path, undefined);
    if (status !== 200) throw new SmartemUnreachable(`${this.#base}${path} answered ${status}`);
    try {
      return Entities.parse(JSON.parse(text));
    } catch (cause) {
      throw new SmartemUnreachable(`${this.#base}${path} is no list of entities`, { cause });
    }
  }
}
