import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isActive } from "../components/experiments.ts";
import { hearExperiments } from "../components/live.ts";

interface Props {
  id: string;
  number: number;
  initial: string;
  /** Where the log goes on, in bytes. */
  from: number;
  /** It may still write. */
  live: boolean;
  /** It is over: what it did not write by now it never will. */
  ended: boolean;
  /** Lines before `initial` exist. */
  cut: boolean;
}

/** Lines kept on the page; the whole log is a file. */
const LINES_MOST = 5000;
const RETRY_MS = 2000;

/** A run's output as it comes, with search; it stays at the end until a person scrolls up. */
export default function RunLog({ id, number, initial, from, live, cut, ...props }: Props) {
  const text = useSignal(initial);
  const query = useSignal("");
  const follow = useSignal(true);
  const shortened = useSignal(cut);
  const active = useSignal(live);
  const ended = useSignal(props.ended);
  const box = useRef<HTMLPreElement>(null);

  const lines = useComputed(() => {
    const all = text.value.replace(/\n$/, "").split("\n");
    const words = query.value.trim().toLowerCase();
    return words === "" ? all : all.filter((line) => line.toLowerCase().includes(words));
  });

  useEffect(() => {
    let at = from;
    let reading: AbortController | null = null;
    let waiting = "";
    let drawing = 0;

    // A script may write ten thousand lines a second; a screen shows sixty pictures in that time.
    function draw() {
      drawing = 0;
      const grown = text.value + waiting;
      waiting = "";
      const kept = grown.split("\n");
      shortened.value ||= kept.length > LINES_MOST;
      text.value = kept.length > LINES_MOST ? kept.slice(-LINES_MOST).join("\n") : grown;
    }

    async function read(gone: AbortController) {
      while (!gone.signal.aborted) {
        try {
          const reply = await fetch(`/api/v1/experiments/${id}/log?from=${at}&follow=true`, {
            signal: gone.signal,
          });
          if (reply.ok && reply.body !== null) {
            // One decoder a connection: `at` counts whole bytes, so it may begin inside a character.
            const decoder = new TextDecoder();
            for await (const piece of chunksOf(reply.body)) {
              at += piece.length;
              waiting += decoder.decode(piece, { stream: true });
              if (drawing === 0) drawing = requestAnimationFrame(draw);
            }
            return;
          }
          if (reply.status !== 429) return;
        } catch {
          if (gone.signal.aborted) return;
        }
        // The connection broke, or too many read along: go on from where it stopped.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }

    /** Nobody reads along on a page nobody sees: each reader holds one of the browser's few connections. */
    function begin() {
      reading?.abort();
      reading = null;
      if (!active.value || document.hidden) return;
      reading = new AbortController();
      read(reading);
    }
    begin();
    document.addEventListener("visibilitychange", begin);
    const stop = hearExperiments((changed) => {
      if (changed.id !== id) return;
      ended.value = changed.endedAtMs !== null;
      if (isActive(changed.state) === active.value) return;
      active.value = isActive(changed.state);
      // One that ends closes the log by itself, after its last line.
      if (active.value) begin();
    });
    return () => {
      reading?.abort();
      document.removeEventListener("visibilitychange", begin);
      cancelAnimationFrame(drawing);
      stop();
    };
  }, []);

  useEffect(() => {
    if (follow.value && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.value, follow.value]);

  const searching = query.value.trim() !== "";
  return (
    <>
      <header>
        <h2>Log</h2>
        <div class="row">
          <input
            class="script-only"
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={query}
            onInput={(event) => query.value = event.currentTarget.value}
          />
          <a
            class="btn"
            href={`/api/v1/experiments/${id}/log`}
            download={`experiment_${number}.log`}
          >
            Whole log
          </a>
        </div>
      </header>
      <pre
        class="log num run-log-box"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label="Output of the run"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follow.value = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {text.value === ""
          ? ended.value ? "This run wrote nothing" : "No output yet"
          : lines.value.join("\n")}
      </pre>
      <p class="sub num log-foot">
        {searching
          ? `${lines.value.length} lines hold “${query.value.trim()}”`
          : shortened.value
          ? "Earlier lines are in the whole log."
          : ""}
        {!follow.value && (
          <button
            type="button"
            class="btn btn-quiet"
            onClick={() => follow.value = true}
          >
            Go to the end
          </button>
        )}
      </p>
    </>
  );
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
