// The versions of a model, with what can be done to each.
const TONES = { AVAILABLE: "good", LOADING: "busy", START: "busy", UNLOADING: "busy", FAILED: "bad" };

function render({ model, el }) {
  el.classList.add("swb");

  const act = (action, row) => () => model.send({ action, version: row.version });
  const button = (row, action, label) =>
    html("button", { class: "swb-button", type: "button", disabled: model.get("busy") ? "" : false,
      "aria-label": `${label} version ${row.version}`, onclick: act(action, row) }, label);
  const line = (row) =>
    html("tr", {},
      html("th", { scope: "row" }, `${row.version}`),
      html("td", {},
        html("span", { class: "swb-badge", "data-tone": TONES[row.state] ?? "" }, row.state.toLowerCase()),
        row.live ? html("span", {}, " ", html("span", { class: "swb-badge", "data-tone": "live" }, "live")) : null),
      html("td", {}, row.note),
      html("td", { class: "swb-actions" }, row.actions.map(([action, label]) => button(row, action, label))));

  const draw = () => {
    const focused = document.activeElement?.getAttribute("aria-label");
    const rows = model.get("rows");
    const body = rows.length
      ? rows.map(line)
      : html("tr", {}, html("td", { colspan: 4 }, "No version on disk or in memory."));
    el.replaceChildren(
      html("table", { class: "swb-table", "aria-label": "Versions" },
        html("thead", {}, html("tr", {},
          html("th", { scope: "col" }, "Version"), html("th", { scope: "col" }, "State"),
          html("th", { scope: "col" }, "Note"), html("th", { scope: "col" }, ""))),
        html("tbody", {}, body)));
    // A redraw must not take the keyboard's place away.
    if (focused) el.querySelector(`[aria-label="${focused}"]`)?.focus();
  };
  const events = ["change:rows", "change:busy"];
  events.forEach((event) => model.on(event, draw));
  draw();
  return () => events.forEach((event) => model.off(event, draw));
}

export default { render };
