import { outputFile } from "./csv.ts";
import { ApiAway, BioreactorError, isRecord } from "./errors.ts";
import { REAL_TIME } from "./real_time.ts";
import { type Api, env, say } from "./transport.ts";

const CHECKPOINT = "checkpoint.json";
const PAUSE_EVERY_MS = 1000;

/**
 * Values of the parameters that the script's header declares; `defaults` where none is given. Only outside
 * of an experiment are there none: there the defaults are all there is.
 * @throws {TypeError} `PARAMETERS` is no JSON object
 */
export function parameters<T extends Record<string, unknown>>(
  defaults?: T,
): T & Record<string, unknown> {
  let given: unknown;
  try {
    given = JSON.parse(env("PARAMETERS") ?? "{}");
  } catch (cause) {
    throw new TypeError("Cannot read PARAMETERS: it is not valid JSON", { cause });
  }
  if (!isRecord(given)) throw new TypeError("Cannot read PARAMETERS: it is not a JSON object");
  return { ...defaults, ...given } as T & Record<string, unknown>;
}

/** The running experiment, named by `EXPERIMENT_ID`. Without one, words go to stderr only. */
export class ExperimentLink {
  readonly id = env("EXPERIMENT_ID");
  #pause = false;
  #askedAtMs: number | null = null;

  constructor(private readonly api: Api) {}

  async logEvent(text: string): Promise<void> {
    if (text.trim() === "") throw new TypeError("Cannot log an event without a text");
    if (this.id === undefined) return say(`event: ${text}`);
    await this.api.post(this.#path("/notes"), { text: text.slice(0, 2000) }, {
      component: "experiment",
    });
  }

  async setPhase(name: string): Promise<void> {
    if (this.id === undefined) return say(`phase: ${name}`);
    await this.api.post(this.#path("/phase"), { phase: name.slice(0, 200) }, {
      component: "experiment",
    });
  }

  /** The answer is at most a second old; while the API is away it is the last one known. */
  async pauseRequested(): Promise<boolean> {
    if (this.id === undefined) return false;
    const nowMs = REAL_TIME.monotonicMs();
    if (this.#askedAtMs !== null && nowMs - this.#askedAtMs < PAUSE_EVERY_MS) return this.#pause;
    this.#askedAtMs = nowMs;
    try {
      const reply = await this.api.get(this.#path(""), { component: "experiment", patienceMs: 0 });
      const record = isRecord(reply) && isRecord(reply.experiment) ? reply.experiment : reply;
      this.#pause = isRecord(record) &&
        (record.pauseRequested === true || record.state === "holding");
    } catch (error) {
      if (!(error instanceof ApiAway)) throw error;
    }
    return this.#pause;
  }

  // The checkpoint is a file in the run's own folder, so that it needs nothing but the disk.

  /** Keeps `state`; all or nothing. @throws {TypeError} JSON cannot hold it */
  checkpoint(state: unknown): void {
    const text = JSON.stringify(state, (key, value) => {
      if (typeof value === "number" && !Number.isFinite(value)) {
        throw new TypeError(`Cannot keep ${value} under "${key}": JSON cannot hold it`);
      }
      return value;
    }, 1);
    if (text === undefined) throw new TypeError("Cannot keep a checkpoint that JSON cannot hold");
    const path = outputFile(CHECKPOINT);
    const file = Deno.openSync(`${path}.part`, { write: true, create: true, truncate: true });
    try {
      const data = new TextEncoder().encode(text);
      for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
      file.syncSync();
    } finally {
      file.close();
    }
    Deno.renameSync(`${path}.part`, path);
  }

  loadCheckpoint(): unknown {
    let text: string;
    try {
      text = Deno.readTextFileSync(outputFile(CHECKPOINT));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new BioreactorError(`Cannot read the checkpoint in "${CHECKPOINT}"`, {
        component: "checkpoint",
        code: "corrupt",
        cause,
      });
    }
  }

  #path(tail: string): string {
    return `/api/v1/experiments/${encodeURIComponent(this.id ?? "")}${tail}`;
  }
}
