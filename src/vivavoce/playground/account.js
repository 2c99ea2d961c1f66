import { $, announce, ask, copyFrom, make, notify, onSubmit, page, read, report, settle } from "./page.js";

// The page of whoever has an admin key: what was used, and keys. It knows what the routes under /v1/organization tell.

const ADMIN = "../v1/organization/";
const KEPT = "vivavoce-admin-key";
const DAY_S = 86_400;
const DAYS = 31; // the most that an answer tells of
const PROJECTS_DAYS = 90; // a project without keys of its own is known by what it used
const MOST = 500; // keys or projects that are shown
const TIERS = ["free", "1", "2", "3", "4", "5"];
const HEARD = 10; // tokens in a second of sound, and of sound that was made
const SAID = 20;

page.sentences = {
  "server-gone": "The server does not answer: see that it runs, and try again.",
  "key-wrong": "The server does not know this key, or not any more: paste another.",
  "key-wanted": "The server wants a key: paste an admin key.",
  "not-admin": "This is no admin key. One is made as it says below.",
  refused: "The server refused this: ",
};

page.mend = ({ code, reason }) => {
  if (reason === "insufficient_permissions") notify("not-admin");
  else if (!/^key-/.test(code)) return;
  leave();
};

// Numbers and times, as people read them.

const write = (options) => (number) => number.toLocaleString("en", options);
const round = write({ maximumFractionDigits: 0 });
const money = { style: "currency", currency: "USD" };
const dollars = (sum) => write(sum && sum < 1 ? { ...money, maximumSignificantDigits: 3 } : money)(sum);
const short = { notation: "compact", maximumSignificantDigits: 2 };
const date = (options) => (seconds) => new Date(seconds * 1000).toLocaleDateString("en-GB", options);
const dayOf = date({ timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });
const timeOf = date({ dateStyle: "medium" });
const text = (words) => make("bdi", {}, words); // whatever is in a name, it ends where the name ends

// What can be shown, and its parts, from the bottom of a bar to its top.
const MEASURES = {
  requests: {
    name: "Requests",
    write: round,
    parts: { chats: "chats", speeches: "speech", transcriptions: "transcriptions" },
  },
  tokens: {
    name: "Tokens",
    write: round,
    parts: { textIn: "text in", audioIn: "audio in", textOut: "text out", audioOut: "audio out" },
  },
  seconds: { name: "Seconds", write: round, parts: { heard: "heard", said: "said", transcribed: "transcribed" } },
  characters: { name: "Characters", write: round, parts: { characters: "read aloud" } },
  usd: { name: "USD", write: dollars, money, parts: { input: "put in", output: "came out" } },
};

// The routes that tell it, and the parts that each result is.
const ROUTES = {
  "usage/completions": (sum) => ({
    chats: sum.num_model_requests,
    textIn: sum.input_text_tokens + sum.input_cached_text_tokens,
    audioIn: sum.input_audio_tokens,
    textOut: sum.output_text_tokens,
    audioOut: sum.output_audio_tokens,
    heard: sum.input_audio_tokens / HEARD,
    said: sum.output_audio_tokens / SAID,
  }),
  "usage/audio_speeches": (sum) => ({ speeches: sum.num_model_requests, characters: sum.characters }),
  "usage/audio_transcriptions": (sum) => ({ transcriptions: sum.num_model_requests, transcribed: sum.seconds }),
  costs: ({ line_item: item, amount }) => ({ [item.endsWith("input_tokens") ? "input" : "output"]: amount.value }),
};

// Usage.

let days = []; // each with when it begins, and of every model the parts
const asking = {};

// A new beginning of some work: what it still waits for is not wanted any more.
function anew(work) {
  asking[work]?.abort();
  asking[work] = new AbortController();
  return asking[work].signal;
}

// Everything that a route tells, of so many days until now.
async function tellsOf(route, signal, count, by, project = "") {
  const start = (Math.floor(Date.now() / 1000 / DAY_S) - count + 1) * DAY_S;
  const asked = new URLSearchParams({ start_time: start, limit: Math.min(count, DAYS), group_by: by });
  if (project) asked.set("project_ids", project);
  const found = [];
  for (;;) {
    const part = await read(`${ADMIN}${route}?${asked}`, null, signal);
    found.push(...part.data);
    if (!part.has_more) return found;
    asked.set("page", part.next_page);
  }
}

async function showUsage() {
  const signal = anew("usage");
  const [count, project] = [Number($("days").value), $("project").value];
  const tells = (route) => tellsOf(route, signal, count, route === "costs" ? "line_item" : "model", project);
  $("chart").ariaBusy = "true";
  const found = await Promise.all(Object.keys(ROUTES).map(tells));
  const known = new Map();
  Object.values(ROUTES).forEach((partsOf, i) => {
    for (const { start_time: at, results } of found[i]) {
      if (!known.has(at)) known.set(at, { at, models: {} });
      const { models } = known.get(at);
      for (const result of results) {
        const name = result.model ?? result.line_item.replace(/, (in|out)put_tokens$/, "");
        models[name] = { ...models[name], ...partsOf(result) };
      }
    }
  });
  days = [...known.values()].sort((one, other) => one.at - other.at);
  const names = new Set(days.flatMap((day) => Object.keys(day.models)));
  fill($("model"), "All models", [...names].sort());
  $("chart").ariaBusy = "false";
  draw();
}

// A choice between all and one; what was chosen stays, though it is not there just now.
function fill(select, all, names) {
  const { value } = select;
  const listed = !value || names.includes(value) ? names : [...names, value];
  select.replaceChildren(new Option(all, ""), ...listed.map((name) => new Option(name)));
  select.value = value;
}

function sum(some, ...parts) {
  const only = $("model").value;
  const taken = some.flatMap(({ models }) => (only ? [models[only] ?? {}] : Object.values(models)));
  return taken.reduce((total, model) => parts.reduce((more, part) => more + (model[part] ?? 0), total), 0);
}

const total = (some, measure) => sum(some, ...Object.keys(measure.parts));
const shown = () => MEASURES[document.querySelector("#measures :checked").value];

// The smallest round number that is no less.
function above(number, whole) {
  if (!number) return whole ? 4 : 1;
  const power = 10 ** Math.max(Math.floor(Math.log10(number)), whole ? 0 : -12);
  return power * [1, 2, 4, 6, 8, 10].find((times) => times * power >= number && (!whole || times * power > 1));
}

function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function draw() {
  for (const [name, measure] of Object.entries(MEASURES)) {
    $(`total-${name}`).textContent = measure.write(total(days, measure));
  }
  const measure = shown();
  const most = above(Math.max(...days.map((day) => total([day], measure)), 0), !measure.money);
  const lines = [0, 50, 100].map((y) => shape("line", { x1: 0, x2: days.length, y1: y, y2: y }));
  const bars = days.flatMap((day, x) => barsOf(day, x, measure, most));
  $("bars").setAttribute("viewBox", `0 0 ${days.length} 100`);
  $("bars").replaceChildren(shape("rect", { class: "picked", y: 0, width: 1, height: 100 }), ...lines, ...bars);
  const marks = [0, most / 2, most].map(write({ ...short, ...measure.money }));
  $("scale").replaceChildren(...marks.map((mark) => make("span", {}, mark)));
  $("dates").replaceChildren(...[days[0], days.at(-1)].map((day) => make("span", {}, day ? dayOf(day.at) : "")));
  const legend = Object.entries(measure.parts).map(([part, name], i) =>
    make("span", {}, make("i", { className: `part-${i}` }), `${name}: ${measure.write(sum(days, part))}`),
  );
  $("parts").replaceChildren(...legend);
  $("day").max = days.length - 1;
  $("day").value = days.length - 1;
  pick();
  showNumbers();
}

function barsOf(day, x, measure, most) {
  let y = 100;
  return Object.keys(measure.parts).map((part, i) => {
    const height = (100 * sum([day], part)) / most;
    y -= height;
    return shape("rect", { class: `part-${i}`, x: x + 0.14, y, width: 0.72, height });
  });
}

// Say what the day is that was chosen, by the keyboard or by pointing at it.
function pick() {
  const day = days[$("day").value];
  $("reading").textContent = "";
  if (!day) return;
  const measure = shown();
  const parts = Object.entries(measure.parts).map(([part, name]) => [sum([day], part), name]);
  const more = parts.filter(([number]) => number).map(([number, name]) => `${name}: ${measure.write(number)}`);
  const said = `${dayOf(day.at)} – ${measure.name}: ${measure.write(total([day], measure))}`;
  $("reading").textContent = parts.length > 1 && more.length ? `${said} (${more.join(", ")})` : said;
  $("day").setAttribute("aria-valuetext", $("reading").textContent);
  $("bars").firstElementChild.setAttribute("x", $("day").value);
}

function point(event) {
  const { left, width } = $("bars").getBoundingClientRect();
  $("day").value = Math.floor(((event.clientX - left) / width) * days.length); // the range keeps it within
  pick();
}

function showNumbers() {
  const measures = Object.values(MEASURES);
  const head = (scope) => (words) => make("th", { scope }, words);
  const cells = (some) => measures.map((each) => make("td", {}, each.write(total(some, each))));
  const row = (words, some) => make("tr", {}, head("row")(words), ...cells(some));
  const [top, body, foot] = $("numbers").querySelectorAll("thead, tbody, tfoot");
  top.replaceChildren(make("tr", {}, ...["Day", ...measures.map(({ name }) => name)].map(head("col"))));
  body.replaceChildren(...days.map((day) => row(dayOf(day.at), [day])));
  foot.replaceChildren(row("Together", days));
}

// Keys.

const projectsKeys = (project) => `projects/${encodeURIComponent(project)}/api_keys`;
const homeOf = (project) => (project === undefined ? "admin_api_keys" : projectsKeys(project));
const addressOf = (key) => `${ADMIN}${homeOf(key.project_id)}/${key.id}`;
const mine = (key) => key.project_id === undefined && key.redacted_value.slice(-4) === $("key").value.trim().slice(-4);

// A whole list, or the first of it.
async function listed(path, signal) {
  const found = [];
  const asked = new URLSearchParams({ limit: 100 });
  while (found.length < MOST) {
    const part = await read(`${ADMIN}${path}?${asked}`, null, signal);
    found.push(...part.data);
    if (!part.has_more) break;
    asked.set("after", part.last_id);
  }
  return found;
}

async function showProjects(signal) {
  const costs = tellsOf("costs", signal, PROJECTS_DAYS, "project_id");
  const [named, used] = await Promise.all([listed("projects", signal), costs]);
  const ids = used.flatMap(({ results }) => results.map((result) => result.project_id));
  const names = [...new Set([...named.map(({ id }) => id), ...ids])].sort();
  fill($("project"), "All projects", names);
  $("projects").replaceChildren(...names.map((name) => new Option(name)));
  return names;
}

const COLUMNS = {
  Name: (key) => text(key.name),
  Key: (key) => make("code", {}, key.redacted_value),
  Project: (key) => (key.project_id === undefined ? "admin" : text(key.project_id)),
  Tier: (key) => text(key.tier ?? "none"),
  Models: (key) => text(key.models?.join(", ") ?? "all"),
  Made: (key) => timeOf(key.created_at),
  Expires: ({ expires_at: at }) => (at ? `${timeOf(at)}${at * 1000 < Date.now() ? ", over" : ""}` : "never"),
  "Last used": (key) => (key.last_used_at ? timeOf(key.last_used_at) : "not yet"),
};

async function showKeys() {
  const signal = anew("keys");
  const names = await showProjects(signal);
  const only = $("project").value;
  const found = only ? [] : await listed(homeOf(), signal);
  for (const name of only ? [only] : names) {
    if (found.length < MOST) found.push(...(await listed(homeOf(name), signal)));
  }
  $("keys").tBodies[0].replaceChildren(...found.slice(0, MOST).map(rowOf));
  $("more").hidden = found.length < MOST;
  const tiers = new Set([...TIERS, ...found.map((key) => key.tier).filter(Boolean)]);
  $("tiers").replaceChildren(...[...tiers].map((tier) => new Option(tier)));
}

function rowOf(key) {
  const [name, ...rest] = Object.entries(COLUMNS).map(([label, value], i) => {
    const cell = make(i ? "td" : "th", { role: i ? "cell" : "rowheader" }, value(key));
    if (i) cell.dataset.label = label;
    return cell;
  });
  const does = { Rotate: rotate, Revoke: revoke };
  const buttons = Object.entries(does).map(([label, work]) =>
    make("button", { ariaLabel: `${label} ${key.name}`, onclick: () => work(key).catch(report) }, label),
  );
  return make("tr", { role: "row" }, name, ...rest, make("td", { role: "cell", className: "does" }, ...buttons));
}

// Whether what cannot be undone is meant.
function sure(key, { does, why, grace = false }) {
  const note = mine(key) ? " It is the key that you opened this page with." : "";
  $("sure-title").replaceChildren(`${does} `, text(key.name), "?");
  $("sure-text").textContent = why + note;
  $("sure-yes").textContent = does;
  $("grace-field").hidden = !grace;
  $("sure").showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    $("end").onsubmit = (event) => {
      event.preventDefault();
      resolve(true);
      $("sure").close();
    };
    $("sure").onclose = () => resolve(false);
  });
}

async function revoke(key) {
  const why = "Whoever uses it is refused within 5 seconds. What is under way is finished.";
  if (!(await sure(key, { does: "Revoke", why }))) return;
  settle("refused");
  await ask(addressOf(key), null, null, "DELETE").catch((error) => {
    if (error.status !== 404) throw error;
    report(error); // somebody else was faster
  });
  announce(`${key.name} is revoked.`);
  if (mine(key)) return leave();
  await showKeys();
  $("keys-title").focus();
}

async function rotate(key) {
  const why = "Another key takes its place, of the same project, tier and models.";
  if (!(await sure(key, { does: "Rotate", why, grace: true }))) return;
  settle("refused");
  const made = await read(`${addressOf(key)}/rotate`, { grace_seconds: Number($("grace").value) });
  if (mine(key)) keep(made.value);
  await showMade(made);
}

async function create() {
  const name = $("new-name").value.trim();
  const admin = $("new-admin").checked;
  const tier = $("new-tier").value.trim();
  const models = $("new-models").value.split(",").map((each) => each.trim()).filter(Boolean);
  const lives = $("new-days").value * DAY_S;
  const more = { ...(tier && { tier }), ...(models.length && { models }) };
  const body = { name, ...(lives && { expires_in_seconds: lives }), ...(!admin && more) };
  const made = await read(`${ADMIN}${homeOf(admin ? undefined : $("new-project").value)}`, body);
  $("new").reset();
  $("make").open = false;
  chooseKind();
  await showMade(made);
}

async function showMade(key) {
  $("made-title").replaceChildren("The key ", text(key.name), " is made.");
  $("value").textContent = key.value;
  $("made").hidden = false;
  $("copy-value").focus();
  await showKeys();
}

function hideMade() {
  $("value").textContent = "";
  $("made").hidden = true;
  $("keys-title").focus();
}

// An admin key is of no project, and uses no models.
function chooseKind() {
  for (const id of ["new-project", "new-tier", "new-models"]) $(id).disabled = $("new-admin").checked;
}

// Coming and going.

function keep(key) {
  $("key").value = key;
  try {
    if (key) sessionStorage.setItem(KEPT, key);
    else sessionStorage.removeItem(KEPT);
  } catch {} // a browser that keeps nothing
}

function show(open) {
  $("enter").hidden = open;
  $("account").hidden = $("leave").hidden = !open;
}

async function enter() {
  await showKeys();
  settle("not-admin");
  keep($("key").value.trim());
  show(true);
  await showUsage();
}

// Leave nothing behind of what was seen.
function leave() {
  for (const work of Object.values(asking)) work.abort();
  keep("");
  hideMade();
  days = [];
  draw();
  $("keys").tBodies[0].replaceChildren();
  for (const id of ["project", "model", "projects", "tiers"]) $(id).replaceChildren();
  show(false);
  $("key").focus();
  lookForKeys();
}

// Whether there is any key: where there is none, everybody may ask which models there are.
function lookForKeys() {
  fetch("../v1/models").then(({ ok }) => ($("keyless").hidden = !ok)).catch(() => {});
}

function wire() {
  for (const [value, { name }] of Object.entries(MEASURES)) {
    const checked = value === "requests";
    const input = make("input", { type: "radio", name: "measure", value, checked, onchange: draw });
    $("measures").append(make("label", { className: "measure" }, input, name, make("b", { id: `total-${value}` })));
  }
  const head = (name) => make("th", { role: "columnheader", scope: "col" }, name);
  $("keys").tHead.append(make("tr", { role: "row" }, ...[...Object.keys(COLUMNS), "Actions"].map(head)));
  onSubmit("enter", enter);
  onSubmit("new", create);
  $("days").onchange = () => showUsage().catch(report);
  $("project").onchange = () => Promise.all([showUsage(), showKeys()]).catch(report);
  $("model").onchange = draw;
  $("day").oninput = pick;
  $("plot").onpointermove = $("plot").onpointerdown = point;
  $("new-admin").onchange = chooseKind;
  $("copy-command").onclick = () => copyFrom($("command"), $("copy-command"));
  $("copy-value").onclick = () => copyFrom($("value"), $("copy-value"));
  $("made-done").onclick = hideMade;
  $("sure-no").onclick = () => $("sure").close();
  $("leave").onclick = leave;
}

wire();
try {
  $("key").value = sessionStorage.getItem(KEPT) ?? "";
} catch {}
if ($("key").value) enter().catch(report);
else lookForKeys();
