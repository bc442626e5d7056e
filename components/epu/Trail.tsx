/** Where a page stands in its session. */
export function Trail({ steps }: { steps: readonly (readonly [label: string, href: string])[] }) {
  return (
    <nav class="epu-trail sub" aria-label="Where this is">
      {steps.map(([label, href], i) => (
        <span key={href}>
          {i > 0 && " › "}
          <a href={href}>{label}</a>
        </span>
      ))}
    </nav>
  );
}
