import { define } from "../lib/instrument/mod.ts";

export default define.page(function NotFound({ error, url }) {
  const said = error instanceof Error && error.message !== "" ? error.message : null;
  return (
    <section class="card narrow">
      <header>
        <h1>{said ?? "There is nothing at this address"}</h1>
        <span class="chip num">404</span>
      </header>
      <p>
        Nothing is called <code class="path">{url.pathname}</code>{" "}
        here. It may have been removed, or the link is old.
      </p>
      <div class="row">
        <a class="btn btn-main" href="/" aria-current="false">Overview</a>
        <a class="btn" href="/devices" aria-current="false">Devices</a>
        <a class="btn" href="/experiments" aria-current="false">Experiments</a>
      </div>
    </section>
  );
});
