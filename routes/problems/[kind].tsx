import { HttpError } from "fresh";
import { define } from "../../lib/instrument/mod.ts";
import { type Inline, problemPage } from "../../lib/problem_pages.ts";

/** Where an error's `type` leads: its cause, what it means for the sample, what to do. */
export default define.page(async function ProblemPage({ params }) {
  const problem = await problemPage(params.kind!);
  if (problem === null) throw new HttpError(404, "There is no such problem");
  return (
    <article class="card prose">
      <header>
        <h1>{problem.title}</h1>
        <span class="chip num">{problem.status}</span>
      </header>
      {problem.sections.map((section) => (
        <section key={section.heading}>
          <h2>{section.heading}</h2>
          {section.blocks.map((block, index) =>
            block.kind === "paragraph"
              ? (
                <p key={index}>
                  <Text inlines={block.inlines} />
                </p>
              )
              : (
                <ul key={index}>
                  {block.items.map((item, at) => (
                    <li key={at}>
                      <Text inlines={item} />
                    </li>
                  ))}
                </ul>
              )
          )}
        </section>
      ))}
      <p class="sub">
        <code>{problem.kind}</code> · <a href="/problems">all problems</a>
      </p>
    </article>
  );
});

function Text({ inlines }: { inlines: Inline[] }) {
  return (
    <>
      {inlines.map(({ text, code, href }, index) =>
        href !== undefined
          ? <a key={index} href={href}>{text}</a>
          : code
          ? <code key={index}>{text}</code>
          : text
      )}
    </>
  );
}
