import { define } from "../lib/instrument/mod.ts";

export default define.page(function NotFound({ url }) {
  return (
    <section class="card narrow">
      <header>
        <h1>There is nothing at this address</h1>
      </header>
      <p>
        Nothing is called <code>{url.pathname}</code>{" "}
        here. An experiment or device may have been removed, or the link is old.
      </p>
      <div class="row">
        <a class="btn" href="/">Overview</a>
        <a class="btn" href="/experiments">Experiments</a>
        <a class="btn" href="/devices">Devices</a>
      </div>
    </section>
  );
});
