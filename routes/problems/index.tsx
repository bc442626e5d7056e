import { define } from "../../lib/instrument/mod.ts";
import { problemKinds } from "../../lib/problem_pages.ts";

export default define.page(function ProblemsPage() {
  return (
    <section class="card prose">
      <header>
        <h1>Problems</h1>
      </header>
      <p class="sub">Every error Holdfast answers with, and what to do about it.</p>
      <ul class="plain-list">
        {problemKinds().map(({ kind, status, title }) => (
          <li key={kind}>
            <a href={`/problems/${kind}`}>{title}</a> <small class="num">{status} {kind}</small>
          </li>
        ))}
      </ul>
    </section>
  );
});
