import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isActive } from "../components/experiments.ts";
import { formatBytes } from "../components/format.ts";
import { hearExperiments } from "../components/live.ts";

interface Props {
  id: string;
  initial: { path: string; bytes: number }[];
  /** It has begun, so there is something to download. */
  started: boolean;
  live: boolean;
}

const AGAIN_MS = 5000;

/** What the script has written so far, each file and all of it. */
export default function RunFiles({ id, initial, started, live }: Props) {
  const files = useSignal(initial);
  const begun = useSignal(started);
  useEffect(() => {
    let active = live;
    async function load() {
      if (document.hidden) return;
      const reply = await fetch(`/api/v1/experiments/${id}/files`).catch(() => null);
      if (reply?.ok) files.value = (await reply.json()).files;
    }
    const again = setInterval(() => active && load(), AGAIN_MS);
    const stop = hearExperiments((changed) => {
      if (changed.id !== id) return;
      begun.value ||= changed.startedAtMs !== null;
      const now = isActive(changed.state);
      if (now !== active) load();
      active = now;
    });
    return () => {
      clearInterval(again);
      stop();
    };
  }, []);
  const api = `/api/v1/experiments/${id}`;
  return (
    <section class="card" aria-label="Files">
      <header>
        <h2>Files</h2>
        {begun.value && <a class="btn" href={`${api}/archive.zip`}>Download all</a>}
      </header>
      {files.value.length === 0
        ? <p class="empty">What the script writes to its output folder appears here.</p>
        : (
          <ul class="plain-list files">
            {files.value.map(({ path, bytes }) => (
              <li key={path}>
                <a href={`${api}/files/${path.split("/").map(encodeURIComponent).join("/")}`}>
                  {path}
                </a>
                <span class="num">{formatBytes(bytes)}</span>
              </li>
            ))}
          </ul>
        )}
    </section>
  );
}
