// The server's state, and how old that news is. The age counts in the browser, so a pill whose kernel is
// gone says so instead of looking alive.
const STALE_AFTER_PERIODS = 6;

function ageText(seconds) {
  if (seconds < 1.5) return "updated just now";
  return seconds < 90
    ? `updated ${Math.round(seconds)} s ago`
    : `updated ${Math.round(seconds / 60)} min ago`;
}

function render({ model, el }) {
  el.classList.add("swb");
  const state = html("span", { class: "swb-pill-state", role: "status" });
  const text = html("span", { class: "swb-pill-text" });
  const age = html("span", { class: "swb-pill-age", "aria-live": "off" });
  el.append(html("div", { class: "swb-pill" }, state, text, age));

  let receivedAt = performance.now();
  const show = () => {
    if (state.dataset.state !== model.get("state")) state.dataset.state = model.get("state");
    if (state.textContent !== model.get("label")) state.textContent = model.get("label");
    text.textContent = model.get("text");
  };
  const tick = () => {
    const seconds = (performance.now() - receivedAt) / 1000;
    const stale = model.get("state") !== "error" && seconds > STALE_AFTER_PERIODS * model.get("period");
    age.dataset.stale = stale;
    age.textContent = model.get("updated")
      ? ageText(seconds) + (stale ? " – is the kernel running?" : "")
      : "";
  };
  const receive = () => {
    receivedAt = performance.now();
    tick();
  };
  const traits = ["state", "label", "text"].map((trait) => `change:${trait}`);
  traits.forEach((event) => model.on(event, show));
  model.on("change:updated", receive);
  const timer = setInterval(tick, 1000);
  show();
  tick();
  model.send({ kind: "shown" });
  return () => {
    clearInterval(timer);
    traits.forEach((event) => model.off(event, show));
    model.off("change:updated", receive);
    model.send({ kind: "hidden" });
  };
}

export default { render };
