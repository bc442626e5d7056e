import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Panels, PanelsOptions, Scene } from "./panels.ts";
import { pictureOf } from "./svg.ts";

interface Props extends PanelsOptions {
  scene: Scene;
  hoverMs: number | null;
  /** What it shows, for who does not see it. */
  label: string;
  /** Older than what was asked for. */
  busy: boolean;
  /** Where the drawn chart can be asked for its picture. */
  handle: { current: Panels | null };
  /** Width and height the server draws for, which cannot know the screen's. */
  size: readonly [number, number];
}

/**
 * Stacked panels on one time axis. The server draws them as SVG, so that a page shows its curves at once
 * and without scripts; in the browser chart.js takes over, and nothing of it is loaded elsewhere.
 */
export function Plot({ scene, hoverMs, label, busy, handle, size, ...options }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef(options);
  latest.current = options;
  const wanted = useRef(scene);
  wanted.current = scene;
  const first = useMemo(() => ({
    __html: pictureOf({
      ...scene,
      width: size[0],
      height: size[1],
      colour: (token) => `var(${token})`,
      font: "inherit",
    }),
  }), []);

  useEffect(() => {
    let gone = false;
    import("./panels.ts").then(({ Panels }) => {
      if (gone || host.current === null) return;
      handle.current = new Panels(host.current, {
        onRange: (from, to) => latest.current.onRange(from, to),
        onHover: (at) => latest.current.onHover(at),
        onBack: () => latest.current.onBack(),
      });
      handle.current.show(wanted.current);
    });
    return () => {
      gone = true;
      handle.current?.destroy();
      handle.current = null;
    };
  }, []);
  useEffect(() => handle.current?.show(scene), [scene]);
  useEffect(() => handle.current?.hover(hoverMs), [hoverMs]);

  return (
    <div
      class={busy ? "panels busy" : "panels"}
      ref={host}
      role="group"
      aria-roledescription="chart"
      aria-label={label}
      tabIndex={0}
      dangerouslySetInnerHTML={first}
    />
  );
}
