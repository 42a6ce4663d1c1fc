// The page of `orchestrator serve`: it follows the state, runs, tasks and logs, and offers the actions that the server allows.
const live = JSON.parse(document.getElementById("live").textContent);
const runs = new Map();
const MOST_EVENTS = 200;
let followed = null;

function connect() {
  const source = new EventSource("api/events");
  source.onopen = () => { byId("connection").textContent = "connected"; };
  source.onerror = () => { byId("connection").textContent = "not connected: the server is gone, or the session has ended"; };
  source.addEventListener("dashboard", (event) => show(JSON.parse(event.data)));
  source.addEventListener("problem", (event) => { byId("connection").textContent = JSON.parse(event.data).message; });
  source.addEventListener("action", (event) => noted(JSON.parse(event.data)));
  source.addEventListener("other", (event) => noted(JSON.parse(event.data)));
  source.addEventListener("run", (event) => progressed(JSON.parse(event.data)));
  source.addEventListener("gone", (event) => forget(JSON.parse(event.data).id));
  source.addEventListener("hidden", (event) => hide(JSON.parse(event.data).problems));
}

// Actions of this page, and runs of other processes, which have the name of their process.
function noted(action) {
  const known = runs.get(action.id) ?? shownRun(action);
  known.action = action;
  runs.set(action.id, known);
  draw(known);
  for (const button of document.querySelectorAll("#details button.action")) button.disabled = busy();
}

const busy = () => [...runs.values()].some(({ action }) =>
  !action.process && (action.state === "running" || action.state === "waiting"));

function shownRun(action) {
  const events = element("ol", [], { tabindex: "0", class: "events" });
  const known = { action, item: element("li", []), text: element("div", []), events, last: "", number: 0 };
  known.folded = element("details", [element("summary", "Events"), events], { hidden: "" });
  known.item.append(known.text, known.folded);
  known.item.dataset.time = action.time;
  const older = [...byId("runs").children].find((item) => item.dataset.time < action.time);
  byId("runs").insertBefore(known.item, older ?? null);
  return known;
}

function forget(id) {
  runs.get(id)?.item.remove();
  runs.delete(id);
}

function hide(problems) {
  byId("hidden-runs").hidden = !problems.length;
  byId("hidden-runs").replaceChildren(...problems.map((text) => element("li", text)));
}

function progressed({ id, event, number }) {
  const known = runs.get(id);
  // A page that connects again gets events that it has.
  if (!known || (number && number <= known.number)) return;
  known.number = number ?? known.number;
  if (event.event === "resource" && event.phase !== "started" && event.op !== "same") known.last = `${event.op} ${event.name}`;
  if (event.event === "message" && event.severity !== "info") known.last = event.message;
  if (event.event === "finished") known.last = `${event.project}/${event.stack} ${event.status}`;
  const text = eventText(event);
  if (text) {
    known.folded.hidden = false;
    known.events.append(element("li", text));
    if (known.events.children.length > MOST_EVENTS) known.events.firstChild.remove();
  }
  draw(known);
}

function eventText(event) {
  const unit = event.stack ? `${event.project}/${event.stack}` : "";
  const at = new Date(event.time).toLocaleTimeString();
  switch (event.event) {
    case "plan": return `${at} ${event.operation}: ${event.units.map((each) => `${each.project}/${each.stack}`).join(", ")}`;
    case "started": return `${at} ${unit}: ${event.operation} starts`;
    case "resource": return event.op === "same" ? "" : `${at} ${unit}: ${event.op} ${event.type} ${event.name}: ${event.phase}`;
    case "message": return `${at} ${unit ? `${unit}: ` : ""}${event.message}`;
    case "finished": return `${at} ${unit}: ${event.status}${event.reason ? `: ${event.reason}` : ""}`;
    default: return "";
  }
}

function draw({ text, action, last }) {
  const style = { failed: "bad", "cut off": "bad", succeeded: "good" }[action.state] ?? "warn";
  const parts = [`${moment(action.time)} ${action.identity}: ${action.action} ${action.name} `, element("strong", action.state, { class: style })];
  if (action.process) parts.push(" ", element("span", action.process, { class: "process" }));
  const said = action.message ?? (action.state === "running" ? last : "");
  if (said) parts.push(element("p", said));
  if (action.hint) parts.push(element("p", element("em", action.hint)));
  text.replaceChildren(...parts);
}

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error ? [found.error.message, found.error.hint].filter(Boolean).join(". ") : answer.statusText);
  return found;
}

async function act(body) {
  try {
    const begun = await ask("api/actions", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Orchestrator-Action": "1" },
      body: JSON.stringify(body),
    });
    // A short action may have ended before this answer arrives.
    if (!runs.has(begun.id)) noted(begun);
  } catch (error) {
    byId("connection").textContent = error.message;
  }
}

async function tasks(name) {
  const shown = byId("stream");
  shown.hidden = false;
  try {
    const found = await ask(`api/environments/${encodeURIComponent(name)}/ps`);
    const services = found.result.services.map((each) =>
      `${each.name}  ${each.state}  ${each.running} of ${each.desired} run`);
    shown.textContent = services.join("\n");
  } catch (error) {
    shown.textContent = error.message;
  }
}

function logs(name) {
  if (followed) followed.close();
  const shown = byId("stream");
  shown.hidden = false;
  shown.textContent = "";
  followed = new EventSource(`api/environments/${encodeURIComponent(name)}/logs`);
  followed.addEventListener("line", (event) => {
    const line = JSON.parse(event.data);
    shown.append(`${line.service} | ${line.text}\n`);
    if (shown.childNodes.length > 2000) shown.firstChild.remove();
    shown.scrollTop = shown.scrollHeight;
  });
  followed.addEventListener("end", (event) => {
    const message = JSON.parse(event.data).message;
    if (message) shown.append(`${message}\n`);
    followed.close();
  });
}

function button(text, work) {
  const made = element("button", text, { type: "button" });
  made.addEventListener("click", work);
  return made;
}

function change(text, body, fields = {}) {
  const form = element("form", [], { class: "filters" });
  const inputs = Object.entries(fields).map(([name, label]) => {
    const input = element("input", "", { name, required: "", autocomplete: "off" });
    form.append(element("label", [label, input]));
    return input;
  });
  const send = element("button", text, { type: "submit", class: "action" });
  send.disabled = busy();
  form.append(send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(body(Object.fromEntries(inputs.map((input) => [input.name, input.value.trim()]))));
  });
  return form;
}

function actions(item) {
  const name = item.name;
  const simple = (text, action) => change(text, () => ({ action, name }));
  const both = [item.asleep ? simple("Wake", "wake") : simple("Sleep", "sleep")];
  const destroy = change("Destroy", ({ typed }) => ({ action: "destroy", name: key(item), typed }), { typed: `Type ${name} to destroy it` });
  if (item.scope === "base") return [...both, destroy];
  return [
    ...both,
    change("Extend", ({ ttl }) => ({ action: "extend", name, ttl }), { ttl: "For, such as 3d" }),
    item.pinned ? simple("Unpin", "unpin") : simple("Pin", "pin"),
    change("Deploy", ({ image, reference }) => ({ action: "deploy", name, images: { [image]: reference } }), {
      image: "Image, such as backend", reference: "Reference" }),
    change("Apply plan", ({ plan }) => ({ action: "apply", name, plan }), { plan: "Plan of an agent" }),
    destroy,
  ];
}

// The details of page.js, with what only a server can show.
const plainDetails = details;
details = (item) => {
  const parts = plainDetails(item);
  const offered = [];
  if (item.scope === "environment") offered.push(button("Tasks", () => tasks(item.name)), " ", button("Logs", () => logs(item.name)));
  if (live.actions && (item.kind !== "prod" || live.production)) offered.push(...actions(item));
  return offered.length ? [...part("Work", element("div", offered, { class: "work" })), ...parts] : parts;
};
drawn = "";
showDetails();
connect();
