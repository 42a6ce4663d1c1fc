"use strict";
// Every text reaches the page as textContent: nothing of a stack, a log or AWS is read as HTML.
let data = JSON.parse(document.getElementById("data").textContent);
let now = Date.parse(data.generated);
let rows = [];
let sorted = null;
const byId = (id) => document.getElementById(id);
const key = (item) => `${item.scope}/${item.name}`;

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const part of [content].flat()) if (part !== null && part !== undefined && part !== "") made.append(part);
  return made;
}

function link(url) {
  if (!/^https?:\/\//.test(url ?? "")) return url ?? "";
  return element("a", url, { href: url, rel: "noopener noreferrer" });
}

function span(milliseconds) {
  const minutes = Math.round(Math.abs(milliseconds) / 60000);
  if (minutes < 60) return `${minutes}m`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h`;
  return `${Math.floor(minutes / 1440)}d`;
}

const moment = (text) => (text ? new Date(text).toLocaleString() : "");
const age = (item) => (item.created ? span(now - Date.parse(item.created)) : "");

function expiry(item) {
  if (item.pinned) return "pinned";
  if (!item.expires) return "";
  const left = Date.parse(item.expires) - now;
  return left < 0 ? `${span(left)} ago` : `in ${span(left)}`;
}

function state(item) {
  if (item.waits_for_approval) return ["waits for approval", "warn"];
  if (item.status !== "ready") return [item.status, item.status === "updating" ? "warn" : "bad"];
  if (item.asleep) return ["asleep", "rest"];
  if (item.closed_until) return ["closed", "rest"];
  if (item.maintenance) return ["maintenance", "warn"];
  return ["ready", "good"];
}

function alerts(item) {
  const found = [];
  if (item.locks.length) found.push("locked");
  if (item.drift && item.drift.length) found.push(`drift ${item.drift.length}`);
  if (item.expires && !item.pinned && Date.parse(item.expires) < now) found.push("expired");
  if (item.problems.length) found.push("problem");
  return found.join(", ");
}

const image = (item) => {
  const running = item.releases.find((release) => release.running);
  return running ? running.images.map((each) => each.tag ?? each.digest ?? each.reference).join(", ") : "";
};
const dollars = (amount) => (amount === null || amount === undefined ? "" : amount.toFixed(0));

const columns = [
  { title: "Name", of: (item) => item.name },
  { title: "Kind", of: (item) => `${item.scope}, ${item.kind}` },
  { title: "Base", of: (item) => item.base ?? "" },
  { title: "Status", of: (item) => state(item)[0], style: (item) => state(item)[1] },
  { title: "Alerts", of: alerts, style: () => "bad" },
  { title: "Owner", of: (item) => item.owner ?? "" },
  { title: "Age", of: age, by: (item) => (item.created ? -Date.parse(item.created) : 0) },
  { title: "Expires", of: expiry, by: (item) => (item.expires ? Date.parse(item.expires) : Infinity) },
  { title: "$ a month", of: (item) => dollars(item.monthly_cost), by: (item) => item.monthly_cost ?? 0, style: () => "number" },
  { title: "Image", of: image },
  { title: "Commit", of: (item) => (item.commit ? item.commit.slice(0, 9) : "") },
  { title: "Url", of: (item) => item.url ?? "", show: (item) => link(item.url), style: () => "url" },
];

function rowOf(item, order) {
  const row = document.createElement("tr");
  columns.forEach((column, place) => {
    const style = column.style ? column.style(item) : "";
    if (place === 0) {
      const name = element("a", item.name, { href: `#${encodeURIComponent(key(item))}` });
      row.append(element("th", name, { scope: "row", class: item.scope === "environment" && item.base ? "indented" : "" }));
      return;
    }
    const shown = column.show ? column.show(item) : column.of(item);
    row.append(element("td", shown, { class: style, "data-title": column.title }));
  });
  const text = [...columns.map((column) => column.of(item)), item.branch ?? ""].join(" ").toLowerCase();
  return { item, row, order, text };
}

function sortBy(column, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const other of byId("deployments").querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  sorted = { column, descending };
  arrange();
}

function arrange() {
  if (sorted) order(sorted.column, sorted.descending);
  byId("deployments").tBodies[0].replaceChildren(...rows.map((each) => each.row));
}

function order(column, descending) {
  const value = column.by ?? ((item) => column.of(item).toLowerCase());
  const compared = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  rows.sort((a, b) => (descending ? -1 : 1) * compared(value(a.item), value(b.item)) || a.order - b.order);
}

function filter() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [base, status, owner] = ["base", "status", "owner"].map((id) => byId(id).value);
  let shown = 0;
  for (const { item, row, text } of rows) {
    const fits =
      words.every((word) => text.includes(word)) &&
      (!base || item.base === base || (item.scope === "base" && item.name === base)) &&
      (!status || state(item)[0] === status) &&
      (!owner || item.owner === owner);
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  byId("count").textContent = `${shown} of ${rows.length} shown`;
}

function fill(id, values) {
  const chosen = byId(id).value;
  const found = [...new Set([...values, chosen].filter(Boolean))].sort();
  byId(id).replaceChildren(element("option", "all", { value: "" }), ...found.map((value) => element("option", value, { value })));
  byId(id).value = chosen;
}

function list(titles, lines) {
  const head = element("thead", element("tr", titles.map((title) => element("th", title, { scope: "col" }))));
  const body = element("tbody", lines.map((cells) => element("tr", cells.map((cell) => element("td", cell)))));
  const table = element("table", [head, body], { class: titles.length > 3 ? "many" : "" });
  return element("div", table, { class: "wide", tabindex: "0", role: "region", "aria-label": titles.join(", ") });
}

const part = (title, content) => [element("h3", title), content];
const shownValue = (value) => element("code", typeof value === "string" ? value : JSON.stringify(value));

let details = function (item) {
  const parts = [];
  for (const problem of [...item.problems, ...item.locks]) parts.push(element("p", problem, { class: "bad" }));
  const facts = [
    ["url", link(item.url)],
    ["status", state(item)[0]],
    ["base", item.base ?? ""],
    ["environments", item.environments.join(", ")],
    ["branch", item.branch ?? ""],
    ["commit", item.commit ?? ""],
    ["created", moment(item.created)],
    ["last update", moment(item.last_update)],
    ["expires", moment(item.expires)],
    ["closed until", moment(item.closed_until)],
    ["maintenance since", item.maintenance ?? ""],
    ["cost", item.cost ? `$${item.cost.dollars.toFixed(2)} a month, $${(item.cost.dollars / 730).toFixed(3)} an hour` : ""],
  ];
  parts.push(list(["fact", "value"], facts.filter(([, value]) => value !== "")));
  if (item.releases.length)
    parts.push(...part("Releases", list(["number", "time", "result", "images", "by"], item.releases.map((release) => [
      `${release.number}${release.running ? " (runs)" : ""}`, moment(release.started),
      release.reason ? `${release.result}: ${release.reason}` : release.result,
      release.images.map((each) => each.reference).join(", "), release.operator ?? ""]))));
  parts.push(...part("Stacks", list(["stack", "status", "resources"], item.stacks.map((stack) => [
    `${stack.project}/${stack.stack}`, stack.status, String(stack.resources)]))));
  if (item.drift)
    parts.push(...part("Drift", item.drift.length
      ? list(["change", "type", "name", "properties"], item.drift.map((c) => [c.op, c.type, c.name, c.properties.join(", ")]))
      : element("p", "none")));
  if (item.cost && item.cost.lines.length)
    parts.push(...part("Cost", list(["resource", "type", "$ a month", "terms"], item.cost.lines.map((line) => [
      line.name, line.type, line.dollars.toFixed(2), line.detail]))));
  parts.push(...part("Outputs", list(["output", "value"], Object.entries(item.outputs).map(([name, value]) => [
    name, shownValue(value)]))));
  return parts;
};

function chosen() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  return data.deployments.find((item) => key(item) === wanted);
}

let drawn = "";

function showDetails() {
  const found = chosen();
  byId("details").hidden = !found;
  // Details that have not changed stay, with the texts in their fields and the focus.
  const text = found ? JSON.stringify([found, state(found)]) : "";
  if (text === drawn) return;
  drawn = text;
  if (!found) return;
  byId("details-title").textContent = found.name;
  byId("details-body").replaceChildren(...details(found));
}

function follow() {
  showDetails();
  if (chosen()) byId("details").focus();
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").setAttribute("aria-pressed", String(name === "dark"));
  try { localStorage.setItem("theme", name); } catch { /* a page of a file may have no storage */ }
}

function totals() {
  const environments = data.deployments.filter((item) => item.scope === "environment");
  const cost = data.deployments.reduce((sum, item) => sum + (item.monthly_cost ?? 0), 0);
  const numbers = [
    [data.deployments.length - environments.length, "bases"],
    [environments.length, "environments"],
    [`${cost.toFixed(0)} $`, "a month"],
    [environments.filter((item) => item.asleep).length, "asleep"],
    [data.deployments.filter((item) => alerts(item) || state(item)[1] === "bad").length, "need attention"],
  ];
  byId("totals").replaceChildren(...numbers.map(([number, title]) => element("li", [element("strong", String(number)), title])));
}

function orphans() {
  byId("orphans").hidden = !data.orphans;
  if (!data.orphans) return;
  byId("orphans-body").replaceChildren(data.orphans.length
    ? list(["type", "name", "base", "environment", "arn"], data.orphans.map((o) => [
      o.type, o.name, o.base ?? "", o.environment ?? "", element("code", o.arn)]))
    : element("p", "none"));
}

// Shows a document. Filters, the order and an open environment stay.
function show(found) {
  data = found;
  now = Date.parse(data.generated);
  byId("generated").textContent = `As of ${moment(data.generated)}; prices of ${data.prices.region}, ${data.prices.date}`;
  byId("notice").hidden = !data.notice && !data.closed.length;
  byId("notice").textContent = [data.notice, ...data.closed].filter(Boolean).join(" · ");
  rows = data.deployments.map(rowOf);
  arrange();
  fill("base", data.deployments.map((item) => (item.scope === "base" ? item.name : item.base)));
  fill("status", data.deployments.map((item) => state(item)[0]));
  fill("owner", data.deployments.map((item) => item.owner));
  totals();
  orphans();
  filter();
  // The text in a field stays while the user types.
  if (!byId("details").querySelector("input:focus")) showDetails();
}

function start() {
  byId("deployments").tHead.rows[0].append(...columns.map((column) => {
    const button = element("button", column.title, { type: "button" });
    const head = element("th", button, { scope: "col" });
    button.addEventListener("click", () => sortBy(column, head));
    return head;
  }));
  for (const id of ["search", "base", "status", "owner"]) byId(id).addEventListener("input", filter);
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  let stored = null;
  try { stored = localStorage.getItem("theme"); } catch { /* the system's theme then */ }
  theme(stored ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  addEventListener("hashchange", follow);
  show(data);
  follow();
}

start();
