const TABS = [
  ["", "Session"],
  ["decisions", "Decisions"],
  ["trends", "Trends"],
  ["findings", "Findings"],
  ["files", "Files"],
  ["agents", "Agents"],
] as const;

/** The pages of one acquisition; all of them links. */
export function EpuTabs({ id, here }: { id: string; here: typeof TABS[number][0] }) {
  const base = `/epu/${encodeURIComponent(id)}`;
  return (
    <nav class="seg" aria-label="Acquisition">
      {TABS.map(([key, label]) => (
        <a
          href={key === "" ? base : `${base}/${key}`}
          aria-current={key === here ? "true" : "false"}
          key={key}
        >
          {label}
        </a>
      ))}
    </nav>
  );
}
