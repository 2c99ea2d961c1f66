// What the pages share: they ask this server by its public API alone, and what people or models say goes in as text.

export const $ = (id) => document.getElementById(id);
export const announce = (text) => ($("spoken-status").textContent = text);
export const failure = (code, why, more) => Object.assign(new Error(why), { code, ...more });

export function make(tag, fields = {}, ...children) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
}

// What is wrong, in one plain sentence that says what to do. Each page has its own, and may do more about it.

export const page = { sentences: {}, mend: () => {} };

export function notify(code, why = "") {
  const sentence = page.sentences[code] + why;
  if (!$("notice").hidden && $("notice").textContent === sentence) return; // not to be read out again
  $("notice").dataset.code = code;
  Object.assign($("notice"), { textContent: sentence, hidden: false });
}

export function settle(...codes) {
  if (codes.includes($("notice").dataset.code)) $("notice").hidden = true;
}

export function report(error) {
  if (error.name === "AbortError") return;
  const known = error.code in page.sentences;
  if (!known) console.error(error);
  notify(known ? error.code : "refused", error.message);
  page.mend(error);
}

export async function ask(path, body, signal, method = body ? "POST" : "GET") {
  const key = $("key").value.trim();
  if (/[^\x21-\x7e]/.test(key)) throw failure("key-wrong");
  const headers = { accept: "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  if (body && !(body instanceof FormData)) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await arriving(fetch(path, { method, headers, body, signal }));
  if (answer.ok) {
    settle("server-gone", "key-wrong", "key-wanted");
    return answer;
  }
  if (answer.status === 401) throw failure(key ? "key-wrong" : "key-wanted");
  const { error = {} } = await answer.json().catch(() => ({}));
  const more = { status: answer.status, reason: error.code, retryS: Number(answer.headers.get("retry-after")) };
  if (answer.status === 413) error.message = "this is too large.";
  throw failure("refused", error.message ?? `it answered with status ${answer.status}.`, more);
}

export const read = async (...request) => (await ask(...request)).json();

export const arriving = (promise) =>
  promise.catch((error) => Promise.reject(error.name === "AbortError" ? error : failure("server-gone")));

// Copy a text, and say so on the button; where the browser does not let us, `instead`.
export async function copy(text, button, instead) {
  button.dataset.label ??= button.textContent;
  const write = async () => navigator.clipboard.writeText(text);
  button.textContent = await write().then(() => "Copied", instead);
  announce(button.textContent);
  setTimeout(() => (button.textContent = button.dataset.label), 1500);
}

export function copyFrom(element, button) {
  const select = () => (getSelection().selectAllChildren(element), "Press Ctrl+C");
  copy(element.textContent, button, select);
}

export function onSubmit(form, work) {
  $(form).onsubmit = async (event) => {
    event.preventDefault();
    settle("refused");
    const button = event.submitter ?? {};
    button.disabled = true;
    await Promise.resolve(work()).catch(report);
    button.disabled = false;
  };
}
