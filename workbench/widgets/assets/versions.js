// The versions of a model, with what can be done to each.
const TONES = { AVAILABLE: "good", LOADING: "busy", START: "busy", UNLOADING: "busy", FAILED: "bad" };

const COLUMNS = ["Version", "State", "Share", "Requests", "Latency p50, p99", "Errors", "Note", ""];

function badge(text, tone) {
  return html("span", { class: "swb-badge", "data-tone": tone }, text);
}

function render({ model, el }) {
  el.classList.add("swb");

  const button = (row, action, label) => {
    const attributes = {
      class: "swb-button",
      type: "button",
      disabled: model.get("busy") ? "" : false,
      "aria-label": `${label} version ${row.version}`,
      onclick: () => model.send({ action, version: row.version }),
    };
    return html("button", attributes, label);
  };
  const line = (row) => {
    const state = badge(row.state.toLowerCase(), TONES[row.state] ?? "");
    const buttons = row.actions.map(([action, label]) => button(row, action, label));
    return html(
      "tr",
      {},
      html("th", { scope: "row" }, `${row.version}`),
      html("td", {}, state, row.live ? [" ", badge("live", "live")] : null),
      ["share", "requests", "latency", "errors", "note"].map((name) => html("td", {}, row[name])),
      html("td", { class: "swb-actions" }, buttons),
    );
  };
  const draw = () => {
    const focused = el.contains(document.activeElement) ? document.activeElement.ariaLabel : "";
    const rows = model.get("rows");
    const none = html("tr", {}, html("td", { colspan: COLUMNS.length }, "No version on disk or in memory."));
    const headings = COLUMNS.map((column) => html("th", { scope: "col" }, column));
    const table = html("table", { class: "swb-table", "aria-label": "Versions" });
    table.append(html("thead", {}, html("tr", {}, headings)));
    table.append(html("tbody", {}, rows.length ? rows.map(line) : none));
    el.replaceChildren(table);
    // A redraw must not take the keyboard's place away.
    if (focused) el.querySelector(`[aria-label="${focused}"]`)?.focus();
  };
  const events = ["change:rows", "change:busy"];
  events.forEach((event) => model.on(event, draw));
  draw();
  return () => events.forEach((event) => model.off(event, draw));
}

export default { render };
