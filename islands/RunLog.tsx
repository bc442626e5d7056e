import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  id: string;
  initial: string;
  /** Where the log goes on, in bytes. */
  from: number;
  live: boolean;
}

/** Lines kept on the page; the whole log is a file. */
const LINES_MOST = 5000;

/** A run's output as it comes, with search; it stays at the end until a person scrolls up. */
export default function RunLog({ id, initial, from, live }: Props) {
  const text = useSignal(initial);
  const query = useSignal("");
  const follow = useSignal(true);
  const box = useRef<HTMLPreElement>(null);

  const lines = useComputed(() => {
    const all = text.value.replace(/\n$/, "").split("\n");
    const words = query.value.toLowerCase();
    return words === "" ? all : all.filter((line) => line.toLowerCase().includes(words));
  });

  useEffect(() => {
    if (!live) return;
    const gone = new AbortController();
    let at = from;
    async function read() {
      while (!gone.signal.aborted) {
        try {
          const reply = await fetch(`/api/v1/experiments/${id}/log?from=${at}&follow=true`, {
            signal: gone.signal,
          });
          if (!reply.ok || reply.body === null) return;
          const reader = reply.body.getReader();
          const decoder = new TextDecoder();
          for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            at += value.length;
            const grown = text.value + decoder.decode(value, { stream: true });
            const kept = grown.split("\n");
            text.value = kept.length > LINES_MOST ? kept.slice(-LINES_MOST).join("\n") : grown;
          }
        } catch {
          // The connection broke: go on from where it stopped.
          await new Promise((resolve) => setTimeout(resolve, 2000));
        }
      }
    }
    read();
    return () => gone.abort();
  }, []);

  useEffect(() => {
    if (follow.value && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.value]);

  return (
    <>
      <header>
        <h2>Log</h2>
        <div class="row">
          <input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={query}
            onInput={(event) => query.value = event.currentTarget.value}
          />
          <a class="btn" href={`/api/v1/experiments/${id}/log`} download={`experiment_${id}.log`}>
            Whole log
          </a>
        </div>
      </header>
      <pre
        class="log num run-log-box"
        ref={box}
        tabIndex={0}
        aria-label="Output of the run"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follow.value = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {text.value === ""
          ? live ? "No output yet" : "This run wrote nothing"
          : lines.value.join("\n")}
      </pre>
      <p class="sub num">
        {query.value !== "" && `${lines.value.length} lines hold “${query.value}”`}
        {live && !follow.value && (
          <button
            type="button"
            class="btn btn-quiet"
            onClick={() => follow.value = true}
          >
            Follow the end
          </button>
        )}
      </p>
    </>
  );
}
