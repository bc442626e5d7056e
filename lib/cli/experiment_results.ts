import { open } from "node:fs/promises";
import { delay, systemClock } from "../clock.ts";
import type { ApiClient } from "./api_client.ts";
import { type CliHost, type CommandArgs, CommandFailed } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** What these commands read of an experiment's record. */
export interface Experiment {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly ownerLabel: string;
  readonly state: string;
  readonly position: number | null;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly exitCode: number | null;
  readonly error: { readonly text: string } | null;
}

/** Where the log says nothing, as before a run starts. */
const ASK_AGAIN_MS = 1000;
/** How often in a row nobody may answer. */
const AWAY_MAX = 120;
const TERMINAL = ["completed", "failed", "cancelled", "timed_out", "interrupted"];

/** Copies the log to stdout until the run ends, through pauses of the connection. */
export async function follow(api: ApiClient, given: string, host: CliHost): Promise<number> {
  const id = encodeURIComponent(given);
  let bytes = 0;
  let rest = "";
  let isFollowing = false;
  for (let away = 0;;) {
    const before = bytes;
    const decoder = new TextDecoder();
    let experiment: Experiment;
    try {
      const reply = await api.fetch("GET", `/experiments/${id}/log?follow=1&from=${bytes}`);
      isFollowing = true;
      for await (const chunk of reply.body ?? []) {
        bytes += chunk.byteLength;
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop()!;
        for (const line of lines) host.out(line);
      }
      experiment = await api.json<Experiment>("GET", `/experiments/${id}`);
      away = 0;
    } catch (error) {
      // The run goes on while the runtime is started anew, and so does who watches it.
      const isRefused = error instanceof CommandFailed && error.code !== EXIT.unreachable;
      if (isRefused || !isFollowing || ++away > AWAY_MAX) throw error;
      if (away === 1) {
        host.err(`The connection broke (${(error as Error).message}); following again`);
      }
      await delay(systemClock, ASK_AGAIN_MS);
      continue;
    }
    if (!TERMINAL.includes(experiment.state)) {
      if (bytes === before) await delay(systemClock, ASK_AGAIN_MS);
      continue;
    }
    if (rest !== "") host.out(rest);
    host.err(`Experiment ${experiment.number} ${experiment.state}${endText(experiment)}`);
    return experiment.state === "completed" ? EXIT.ok : EXIT.notCompleted;
  }
}

function endText({ exitCode, error }: Experiment): string {
  if (error !== null) return `: ${error.text}`;
  return exitCode === null ? "" : ` with exit code ${exitCode}`;
}

/** Writes a reply to a file that is not there yet, or with --force. @throws {CommandFailed} */
export async function save(reply: Response, file: string, args: CommandArgs): Promise<void> {
  let handle;
  try {
    handle = await open(file, args.flag("force") ? "w" : "wx");
  } catch (error) {
    await reply.body?.cancel();
    const { code, message } = error as { code?: string; message: string };
    throw new CommandFailed(
      EXIT.failed,
      code === "EEXIST"
        ? `"${file}" is there already; --force replaces it`
        : `Cannot write "${file}": ${message}`,
    );
  }
  try {
    for await (const chunk of reply.body ?? []) await handle.write(chunk);
    await handle.sync();
  } catch (cause) {
    throw new CommandFailed(EXIT.failed, `"${file}" is incomplete: the download broke off`, {
      cause,
    });
  } finally {
    await handle.close();
  }
}
