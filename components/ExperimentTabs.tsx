const TABS = [
  { href: "/experiments", label: "Queue" },
  { href: "/experiments/mine", label: "Mine" },
  { href: "/experiments/results", label: "Results" },
  { href: "/experiments/compare", label: "Compare" },
  { href: "/experiments/archive", label: "Archive" },
] as const;

/** The pages about experiments. */
export function ExperimentTabs({ here }: { here: (typeof TABS)[number]["href"] }) {
  return (
    <nav class="seg" aria-label="Experiments">
      {TABS.map(({ href, label }) => (
        <a key={href} href={href} aria-current={href === here ? "true" : "false"}>{label}</a>
      ))}
    </nav>
  );
}
