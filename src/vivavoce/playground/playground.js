import { $, announce, arriving, ask, copy, copyFrom, failure, make, notify, onSubmit, page, read, report, settle } from "./page.js";

const RATE = 24000; // Hz: of spoken answers, and of the microphone where the browser lets us
const HOLD_MS = 350; // a shorter press is a tap
const LEAD_S = 0.08; // sound that is late waits for more of it
const SHORTEST_S = 0.2; // a shorter recording is a slip
const PEAKS_S = 50; // in a waveform
const TRIES = 3;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const since = (began) => `${((performance.now() - began) / 1000).toFixed(1)} s`;
const here = new URL(".", location).href.slice(0, -1);
const copyOf = (template) => $(template).content.firstElementChild.cloneNode(true);
const wordOf = (text) => make("span", { className: "word" }, text);

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

page.sentences = {
  "no-secure-context": "The microphone needs HTTPS, or localhost: open this page there. Typing and files work here.",
  "no-microphone": "There is no microphone: plug one in and try again, or type, or drop a recording.",
  "microphone-refused": "This page may not use the microphone: allow it beside the address, and try again.",
  "server-gone": "The server does not answer: start it again with “vivavoce serve”. What was said is still here.",
  "key-wrong": "The server does not know this key: put the right one in under Settings.",
  "key-wanted": "The server wants a key: put one of its keys in under Settings.",
  "not-ready": "The models are being loaded. This line goes away when they are ready.",
  refused: "The server refused this: ",
};

page.mend = ({ code }) => {
  if (code === "server-gone") watchServer();
  if (!/^key-/.test(code)) return;
  $("key-field").hidden = false;
  $("settings").open = true;
  $("key").focus();
};

// Asking the server.

// A busy server is asked again when it says: a few times, and as long as there is reason to.
async function patiently(work, reason = () => false) {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (error.status !== 503 || (tries >= TRIES && !reason())) throw error;
      await sleep(1000 * (error.retryS || 1));
    }
  }
}

// The data of each event of a stream, wherever its pieces are cut.
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  for (;;) {
    const { value, done } = await arriving(reader.read());
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/); // a \r at the end may be half of a line's end
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line || !data.length) continue;
      yield data.join("\n");
      data = [];
    }
  }
}

let watching = false;

async function watchServer() {
  if (watching) return;
  watching = true;
  for (;;) {
    const answer = await fetch("health/ready").catch(() => null);
    if (answer?.ok) break;
    notify(answer ? "not-ready" : "server-gone");
    if (answer && !known.loaded) await load().catch(() => {});
    await sleep(1000);
  }
  watching = false;
  settle("server-gone", "not-ready");
  if (!known.loaded) load().catch(report);
}

// What the server has, and what was chosen of it.

const known = { loaded: false, prices: {}, hears: [], speaks: [] };
const FIELDS = ["model", "instructions", "temperature", "max-tokens", "tools"];
let chosen = {};

async function load() {
  const about = await read("./");
  $("engines").textContent = [about.engines, about.better].filter(Boolean).join(" – ");
  const lists = { models: "data", "audio/models": "models", "audio/voices": "voices" };
  const ids = async ([path, list]) => (await read(`v1/${path}`))[list].map(({ id }) => id);
  const [names, speaks, says] = await Promise.all(Object.entries(lists).map(ids));
  const hears = names.filter((name) => /whisper|transcribe/.test(name));
  const chats = names.filter((name) => !/whisper|transcribe|tts/.test(name));
  fill($("model"), chats.length ? chats : names, chosen.model);
  fill($("transcribe-model"), [...hears, ...chats]);
  fill($("say-model"), speaks, speaks.find((name) => name.includes("tts")));
  fill($("say-voice"), says, chosen.voice);
  showVoices(says);
  Object.assign(known, { loaded: true, prices: about.prices ?? {}, hears, speaks });
  remember();
}

function fill(select, names, wanted) {
  select.replaceChildren(...names.map((name) => new Option(name)));
  if (names.includes(wanted)) select.value = wanted;
}

function showVoices(names) {
  const wanted = names.includes(chosen.voice) ? chosen.voice : names[0];
  const shown = names.map((name) => {
    const voice = copyOf("voice");
    Object.assign(voice.querySelector("input"), { value: name, checked: name === wanted });
    voice.querySelector("label span").textContent = name;
    const onclick = () => sayName(name).catch(report);
    Object.assign(voice.querySelector("button"), { ariaLabel: `Hear ${name}`, onclick });
    return voice;
  });
  $("voices").replaceChildren($("voices").firstElementChild, ...shown);
}

async function sayName(voice) {
  interrupt();
  player.open();
  const model = known.speaks.includes($("model").value) ? $("model").value : known.speaks[0];
  const answer = await ask("v1/audio/speech", { model, input: `${voice}.`, voice, response_format: "pcm" });
  const pcm = new Int16Array(await answer.arrayBuffer());
  if (!talking.stop && !live) player.play([pcm], RATE);
}

const settings = () => ({
  ...Object.fromEntries(FIELDS.map((id) => [id, $(id).value])),
  model: $("model").value || chosen.model || "",
  voice: document.querySelector("#voices input:checked")?.value ?? chosen.voice ?? "",
  aloud: $("aloud").checked ? "yes" : "no",
});

function remember() {
  chosen = settings();
  try {
    localStorage.setItem("vivavoce", JSON.stringify(chosen));
    sessionStorage.setItem("vivavoce-key", $("key").value);
  } catch {} // a browser that keeps nothing
}

function recall() {
  try {
    chosen = JSON.parse(localStorage.getItem("vivavoce")) ?? {};
    $("key").value = sessionStorage.getItem("vivavoce-key") ?? "";
    $("key-field").hidden = !$("key").value;
  } catch {}
  takeLink();
}

function takeLink() {
  const linked = new URLSearchParams(location.hash.slice(1));
  const names = [...FIELDS, "voice", "aloud"].filter((name) => linked.has(name));
  if (names.length) history.replaceState(null, "", `${here}/`); // else it would win again after the next change
  for (const name of names) chosen[name] = linked.get(name);
  for (const id of FIELDS.slice(1)) $(id).value = chosen[id] ?? "";
  $("aloud").checked = chosen.aloud !== "no";
  $("tools-field").open = Boolean(chosen.tools);
  checkTools();
}

const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const EXAMPLE = { name: "get_weather", description: "The weather in a city.", parameters: CITY };

// The tools as they are written there; none, where there are none.
function tools() {
  const listed = JSON.parse($("tools").value.trim() || "[]");
  if (!Array.isArray(listed)) throw new SyntaxError("it begins with [ and ends with ]");
  return listed;
}

function checkTools() {
  let wrong = "";
  try {
    tools();
  } catch (error) {
    wrong = `This is not a JSON list: ${error.message}`;
  }
  $("tools").setAttribute("aria-invalid", Boolean(wrong));
  $("tools-hint").textContent = wrong || "When the model calls one, you answer for it.";
  return !wrong;
}

function share() {
  const link = `${here}/#${new URLSearchParams(Object.entries(settings()).filter(([, value]) => value))}`;
  copy(link, $("share"), () => (history.replaceState(null, "", link), "It is in the address bar"));
}

// Sound: 16-bit samples to what is heard, seen and kept.

const player = {
  context: null,
  sources: new Set(),

  // In a click or a key press: no page may speak by itself.
  open() {
    this.context ??= new AudioContext({ sampleRate: RATE });
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  },

  // One sound at a time: `shown` is told what part of it has been played, 0 to 1.
  begin(shown) {
    this.stop();
    Object.assign(this, { shown, playing: true, from: 0, received: 0, whole: false });
  },

  play(pieces, rate, shown = () => {}) {
    this.begin(shown);
    for (const piece of pieces) this.push(piece, rate);
    show("speaking");
    this.finish();
  },

  push(pcm, rate) {
    if (!pcm.length) return;
    const context = this.open();
    const buffer = context.createBuffer(1, pcm.length, rate);
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    // A piece that comes too late begins after a gap, and so do all that follow.
    if (this.from + this.received < context.currentTime) this.from = context.currentTime + LEAD_S - this.received;
    source.start(this.from + this.received);
    if (!this.received) this.draw();
    this.received += buffer.duration;
    this.sources.add(source);
    source.onended = () => this.sources.delete(source) && this.check();
  },

  finish() {
    this.whole = true;
    this.check();
  },

  check() {
    if (!this.whole || this.sources.size || !this.playing) return;
    this.shown(1);
    interrupt();
  },

  draw() {
    if (!this.playing) return;
    const played = Math.max(this.context.currentTime - this.from, 0);
    if (this.received) this.shown(Math.min(played / this.received, 1));
    requestAnimationFrame(() => this.draw());
  },

  stop() {
    this.playing = false;
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
  },
};

const toSamples = (base64) => new Int16Array(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
const loudest = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const toPcm = (floats) => Int16Array.from(floats, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);

async function toBase64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

function toWav(pieces, rate) {
  const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const form = [0x20746d66, 16, 0x10001, rate, rate * 2, 0x100002]; // plain samples, one channel, 2 bytes of 16 bits
  const header = Uint32Array.of(0x46464952, 36 + bytes, 0x45564157, ...form, 0x61746164, bytes);
  return new Blob([header, ...pieces], { type: "audio/wav" });
}

// Records until what it gives is called; `level` is told how loud it is, 0 to 1.
async function record(level) {
  if (!isSecureContext || !navigator.mediaDevices) throw failure("no-secure-context");
  let context = player.open();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } }).catch((error) => {
    throw failure(error.name === "NotAllowedError" ? "microphone-refused" : "no-microphone");
  });
  let source;
  try {
    source = context.createMediaStreamSource(stream);
  } catch {
    context = new AudioContext(); // a browser that gives the microphone at its own rate only
    source = context.createMediaStreamSource(stream);
  }
  await context.audioWorklet.addModule("playground/recorder.js");
  const recorder = new AudioWorkletNode(context, "vivavoce-recorder");
  const pieces = [];
  recorder.port.onmessage = ({ data }) => {
    pieces.push(toPcm(data));
    level(loudest(data));
  };
  source.connect(recorder).connect(context.destination); // silent: but what leads nowhere is not run
  return () => {
    source.disconnect();
    recorder.disconnect();
    for (const track of stream.getTracks()) track.stop();
    if (context !== player.context) context.close();
    return { pieces, rate: context.sampleRate };
  };
}

async function decode(file) {
  const sound = await player.open().decodeAudioData(await file.arrayBuffer());
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  const sum = (_, i) => channels.reduce((total, channel) => total + channel[i], 0) / channels.length;
  const mono = channels.length > 1 ? channels[0].map(sum) : channels[0];
  return { pcm: toPcm(mono), rate: sound.sampleRate };
}

// Turns, as they are shown.

const turns = [];
const recordings = new Map(); // the base64 of each, and the file it is in where a request is written down

function addTurn(role, more = {}) {
  const article = copyOf("turn");
  const part = (name) => article.querySelector(`.${name}`);
  const none = { text: "", words: [], calls: [], figures: {}, pieces: [], peaks: [], samples: 0, heard: 0 };
  const turn = { role, article, part, ...none, rate: RATE, ...more };
  article.dataset.role = role;
  part("who").textContent = role === "user" ? "You" : "Answer";
  part("play").onclick = () => replay(turn);
  part("wav").onclick = () => (part("wav").href = URL.createObjectURL(toWav(turn.pieces, turn.rate)));
  part("wav").download = role === "user" ? "question.wav" : "answer.wav";
  part("mp3").onclick = (event) => saveMp3(event, turn).catch(report);
  for (const kind of part("kinds").children) kind.onclick = () => showCode(turn, kind);
  part("copy").onclick = () => copyFrom(part("code"), part("copy"));
  part("request").ontoggle = () => showCode(turn, part("kinds").firstElementChild);
  $("welcome").hidden = true;
  $("clear").disabled = false;
  turns.push(turn);
  $("conversation").append(article);
  scroll();
  return turn;
}

function drop(turn) {
  turns.splice(turns.indexOf(turn), 1);
  turn.article.remove();
}

const scroll = () => $("conversation").scrollTo(0, 1e9);

// Add words to a turn; the last of them may grow.
function say(turn, text) {
  turn.text += text;
  const shown = turn.part("words").children;
  const words = (turn.words = turn.text.match(/\S+\s*/g) ?? []);
  for (let i = Math.max(shown.length - 1, 0); i < words.length; i++) {
    if (shown[i]) shown[i].textContent = words[i];
    else turn.part("words").append(wordOf(words[i]));
  }
  scroll();
}

// Show what part of a turn has been heard, 0 to 1, by its words and its waveform.
function light(turn, played) {
  const words = [...turn.part("words").children];
  words.forEach((word, i) => word.classList.toggle("said", i + 0.5 <= played * words.length));
  turn.heard = Math.max(turn.heard, played * (turn.samples || 1));
  paint(turn, played);
}

// The words of a turn as far as they have been heard.
function heardOf({ words, heard, samples }) {
  return words.slice(0, Math.round((heard / (samples || 1)) * words.length)).join("").trim();
}

function paint(turn, played = turn.played) {
  turn.played = played;
  const canvas = turn.part("wave");
  if (canvas.hidden) return;
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  const brush = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const bars = Math.floor(width / (5 * scale));
  const step = Math.max(turn.peaks.length, 4 * PEAKS_S) / bars; // what is short does not fill it
  for (let i = 0; i * step < turn.peaks.length; i++) {
    const peak = Math.max(...turn.peaks.slice(Math.floor(i * step), Math.floor((i + 1) * step) + 1));
    const tall = Math.max(2 * scale, Math.sqrt(peak) * height);
    brush.fillStyle = i * step < played * turn.peaks.length ? style.color : style.caretColor;
    brush.fillRect(i * 5 * scale, (height - tall) / 2, 3 * scale, tall);
  }
}

function figure(turn, name, value, more = "") {
  turn.figures[name] = make("div", { title: more }, make("dt", {}, name), make("dd", {}, value));
  turn.part("figures").replaceChildren(...Object.values(turn.figures));
}

// Take the next samples.
function hold(turn, pcm) {
  turn.pieces.push(pcm);
  turn.samples += pcm.length;
  const step = Math.round(turn.rate / PEAKS_S);
  for (let at = 0; at < pcm.length; at += step) turn.peaks.push(loudest(pcm.subarray(at, at + step)) / 32768);
  turn.part("wave").hidden = false;
}

// What can be done with a turn's sound, once it is all there.
function offerSound(turn) {
  if (!turn.pieces.length) return;
  turn.part("wave").ariaLabel = `Waveform of ${(turn.samples / turn.rate).toFixed(1)} seconds`;
  turn.part("sound").hidden = false;
  turn.part("mp3").hidden = !turn.audioId && turn.format !== "mp3";
  paint(turn, turn.played ?? 1);
}

function replay(turn) {
  const again = current === turn;
  interrupt();
  if (again) return;
  current = turn;
  turn.part("play").textContent = "Stop";
  player.play(turn.pieces, turn.rate, (played) => (turn.role === "user" ? paint : light)(turn, played));
}

async function saveMp3(event, turn) {
  event.preventDefault();
  if (!turn.audioId) return save(turn.file, "question.mp3");
  const answer = await ask(`v1/audio/answers/${turn.audioId}?format=mp3`).catch((error) => {
    throw error.status === 404 ? failure("refused", "it keeps answers for an hour. The wav is still here.") : error;
  });
  save(await answer.blob(), "answer.mp3");
}

// Answering: one request at a time, which whatever comes next breaks off.

let live = null; // what was asked and has not been answered whole
let current = null; // the turn that is played, or waited for

function show(state) {
  document.documentElement.dataset.state = state;
  $("stop").disabled = state !== "thinking" && state !== "speaking";
  $("talk").setAttribute("aria-pressed", state === "listening");
  const send = talking.holding ? "Let go to send" : "Tap to send";
  const hints = { idle: "Hold to talk", listening: send, thinking: "Thinking…", speaking: "Hold to interrupt" };
  $("talk-hint").textContent = hints[state];
}

function interrupt() {
  if (talking.stop) stopRecording();
  player.stop();
  live?.controller.abort();
  if (current) {
    current.article.classList.remove("coming");
    current.part("play").textContent = "Play";
  }
  live = current = null;
  show("idle");
}

const answered = (turn) => turn.calls.every((call) => call.result !== undefined);

// The conversation as the API takes it: of earlier recordings the words, where they are known, of earlier answers the
// id, while it lives, and the words said of one that was interrupted. Left out: unanswered calls, refused questions.
function messages() {
  const instructions = $("instructions").value.trim();
  const sent = instructions ? [{ role: "system", content: instructions }] : [];
  const last = turns.findLast((turn) => turn.role === "user");
  for (const turn of turns) {
    const calls = answered(turn) ? turn.calls : [];
    if (turn.role === "user") {
      const recording = { type: "input_audio", input_audio: { data: turn.data, format: turn.format } };
      const content = turn.data && (turn === last || !turn.text) ? [recording] : turn.text;
      if (content && (turn === last || !turn.refused)) sent.push({ role: "user", content });
    } else if (heardOf(turn) || calls.length) {
      const lives = turn.audioId && turn.heard === turn.samples && turn.expiresAt > Date.now() / 1000 + 5;
      const said = lives ? { audio: { id: turn.audioId } } : { content: heardOf(turn) || null };
      const made = calls.length && { tool_calls: calls.map(({ result, ...call }) => call) };
      sent.push({ role: "assistant", ...said, ...made });
      for (const { id, result } of calls) sent.push({ role: "tool", tool_call_id: id, content: result });
    }
  }
  return sent;
}

function request() {
  const { model, voice, temperature, "max-tokens": most } = settings();
  return {
    model,
    ...($("aloud").checked && { modalities: ["text", "audio"], audio: { voice, format: "pcm16" } }),
    messages: messages(),
    ...(temperature && { temperature: Number(temperature) }),
    ...(most && { max_tokens: Number(most) }),
    ...(tools().length && { tools: tools() }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

async function answer(again = true) {
  interrupt();
  settle("refused");
  const turn = (current = addTurn("assistant"));
  const run = (live = { controller: new AbortController(), began: performance.now() });
  turn.article.classList.add("coming");
  show("thinking");
  try {
    if (!known.loaded) await load();
    turn.request = request();
    turn.part("request").hidden = false;
    await receive(turn, run);
  } catch (error) {
    if (live === run) interrupt();
    if (error.reason === "audio_not_found" && again) {
      for (const each of turns) each.expiresAt = 0; // the server has forgotten: it is told what was said
      drop(turn);
      return answer(false);
    }
    turns.findLast((each) => each.role === "user").refused = [400, 404, 413].includes(error.status);
    if (error.name !== "AbortError") offerAgain(turn);
    else if (!turn.text) drop(turn);
    if (checkTools()) report(error);
    else $("settings").open = $("tools-field").open = true;
  }
  if (!turn.pieces.length) turn.audioId = null;
  turn.expiresAt ??= Date.now() / 1000 + 3500; // of one that was broken off nobody has said it
  offerSound(turn);
  if (turn.whole) turn.calls.forEach((call) => addCall(turn, call));
  scroll();
}

async function receive(turn, run) {
  const { signal } = run.controller;
  const answer = await patiently(() => ask("v1/chat/completions", turn.request, signal));
  player.begin((played) => light(turn, played));
  for await (const data of events(answer.body)) {
    if (signal.aborted) throw new DOMException("", "AbortError");
    if (data === "[DONE]") turn.whole = true;
    else take(turn, run, JSON.parse(data));
  }
  if (!turn.whole) throw failure("server-gone");
  if (turn.pieces.length) return player.finish();
  announce(turn.text);
  interrupt();
}

function take(turn, run, chunk) {
  if (chunk.error) throw failure("refused", chunk.error.message);
  if (chunk.usage) count(turn, chunk.usage);
  const { audio = {}, content, tool_calls = [] } = chunk.choices?.[0]?.delta ?? {};
  const words = audio.transcript || content;
  if (words) {
    if (!turn.text) figure(turn, "first word", since(run.began));
    run.begun = true;
    say(turn, words);
    if (content) light(turn, 1);
  }
  turn.audioId ??= audio.id;
  turn.expiresAt ??= audio.expires_at;
  if (audio.data) {
    if (!turn.pieces.length) {
      figure(turn, "first sound", since(run.began));
      show("speaking");
    }
    const pcm = toSamples(audio.data);
    hold(turn, pcm);
    player.push(pcm, RATE);
  }
  for (const { index, id, function: { name = "", arguments: more = "" } = {} } of tool_calls) {
    const call = (turn.calls[index] ??= { id, type: "function", function: { name: "", arguments: "" } });
    call.function.name += name;
    call.function.arguments += more;
  }
}

function offerAgain(turn) {
  const onclick = () => (drop(turn), answer());
  turn.part("words").after(make("button", { className: "again", textContent: "Try again", onclick }));
}

function addCall(turn, call) {
  const form = copyOf("tool-call");
  form.querySelector(".name").textContent = call.function.name;
  form.querySelector("pre").textContent = call.function.arguments;
  const result = form.querySelector(".tool-result");
  result.onkeydown = (event) => sendOnEnter(event, form);
  form.onsubmit = (event) => {
    event.preventDefault();
    call.result = result.value;
    result.readOnly = true;
    form.querySelector("button").remove();
    if (answered(turn)) answer();
  };
  turn.part("sound").before(form);
  if (call === turn.calls[0]) result.focus();
}

function count(turn, usage) {
  const { model } = turn.request;
  const price = known.prices[model];
  let cost = 0n; // in USD / 10^18: it is exact
  for (const [way, tokens] of [["in", usage.prompt_tokens_details], ["out", usage.completion_tokens_details]]) {
    const { text_tokens: text, audio_tokens: audio } = tokens;
    figure(turn, `tokens ${way}`, `${text} text${audio ? `, ${audio} audio` : ""}`);
    if (price) cost += BigInt(text) * exact(price[`text_${way}`]) + BigInt(audio) * exact(price[`audio_${way}`]);
  }
  if (!price) return;
  const digits = String(cost).padStart(19, "0");
  const dollars = `${digits.slice(0, -18)}.${digits.slice(-18)}`.replace(/\.?0+$/, "");
  const rounded = Number(dollars).toLocaleString("en", { maximumSignificantDigits: 2 });
  figure(turn, "price", `$${rounded}`, `$${dollars}, at the price of ${model}`);
}

// A decimal, times 10^12.
function exact(dollars) {
  const [whole, part = ""] = dollars.split(".");
  return BigInt(whole + part.padEnd(12, "0").slice(0, 12));
}

// Talking and typing.

const talking = { stop: null, opening: false, holding: false, pressedAt: 0 };

async function press(holding = true) {
  if (talking.stop) return finish();
  if (talking.opening) return;
  interrupt();
  Object.assign(talking, { opening: true, holding, pressedAt: performance.now() });
  try {
    talking.stop = await record((loud) => {
      $("level").value = Math.max(loud, $("level").value * 0.85);
      $("talk").style.setProperty("--level", $("level").value);
    });
    settle("no-secure-context", "no-microphone", "microphone-refused");
    show("listening");
  } catch (error) {
    report(error);
  }
  talking.opening = false;
}

function release() {
  const held = talking.holding && performance.now() - talking.pressedAt > HOLD_MS;
  talking.holding = false;
  if (talking.stop && held) finish();
  else if (talking.stop) show("listening");
}

function stopRecording() {
  const sound = talking.stop();
  Object.assign(talking, { stop: null, holding: false });
  $("level").value = 0;
  $("talk").style.setProperty("--level", 0);
  show("idle");
  return sound;
}

async function finish() {
  const { pieces, rate } = stopRecording();
  const pcm = new Int16Array(await new Blob(pieces).arrayBuffer());
  if (pcm.length < SHORTEST_S * rate) return announce("Nothing was recorded.");
  sendRecording(toWav([pcm], rate), "wav", { pcm, rate }).catch(report);
}

async function sendRecording(file, format, sound) {
  interrupt();
  show("thinking");
  const began = performance.now();
  const turn = addTurn("user", { file, format });
  turn.article.classList.add("unheard");
  const keep = ({ pcm, rate }) => {
    turn.rate = rate;
    hold(turn, pcm);
    offerSound(turn);
  };
  if (sound) keep(sound);
  else decode(file).then(keep, () => {}); // the server may know it
  turn.data = await toBase64(file);
  const name = `question${recordings.size ? `-${recordings.size + 1}` : ""}.${format}`;
  if (!recordings.has(turn.data)) recordings.set(turn.data, name);
  const answering = answer();
  hear(turn, began, live);
  await answering;
}

// The words of a recording.
async function hear(turn, began, run) {
  const form = new FormData();
  form.append("file", turn.file, `question.${turn.format}`);
  const transcribed = async () => {
    if (!known.loaded) await load();
    form.set("model", known.hears[0] ?? $("model").value);
    return ask("v1/audio/transcriptions", form);
  };
  let [text, state] = ["", "unknown"];
  try {
    ({ text } = await (await patiently(transcribed, () => live === run && !run.begun)).json());
    state = text ? "heard" : "wordless";
    figure(turn, "heard", since(began));
  } catch {} // what is wrong is said of the answer
  turn.article.classList.replace("unheard", state);
  say(turn, text);
  light(turn, 1);
  if (text) announce(`Heard: ${text}`);
}

function sendFile(file) {
  if (!file) return;
  const ending = /\.(\w{1,4})$/.exec(file.name)?.[1] ?? file.type.split("/").pop().replace("x-", "");
  sendRecording(file, ending.toLowerCase() || "wav").catch(report);
}

function sendText() {
  const text = $("message").value.trim();
  if (!text) return $("message").focus();
  $("message").value = "";
  grow();
  interrupt();
  const turn = addTurn("user");
  say(turn, text);
  light(turn, 1);
  answer().catch(report);
}

function sendOnEnter(event, form) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
}

function grow() {
  $("message").style.height = "auto";
  $("message").style.height = `${Math.min($("message").scrollHeight + 2, 160)}px`;
}

function clear() {
  interrupt();
  for (const turn of turns.splice(0)) turn.article.remove();
  recordings.clear();
  settle("refused");
  $("welcome").hidden = false;
  $("clear").disabled = true;
  $("message").focus();
}

// Requests to copy. A recording is read from its file there: its base64 would fill pages.

const quoted = JSON.stringify;
const escaped = (text) => quoted(text).replace(/[\\$`]/g, "\\$&"); // for a here-document
const variable = (file) => file.replace(/\.\w+$/, "").replace("-", "_");
const PYTHON = { words: { true: "True", false: "False", null: "None" }, text: quoted, key: quoted, file: variable };
const SCRIPT = { text: quoted, key: (key) => (/^\w+$/.test(key) ? key : quoted(key)), file: variable };
const SHELL = { text: escaped, key: escaped, file: (file) => `"$(base64 < ${file} | tr -d '\\n')"` };

function written(value, style, indent = "") {
  if (recordings.has(value)) return style.file(recordings.get(value));
  if (typeof value === "string") return style.text(value);
  if (value === null || typeof value !== "object") return style.words?.[value] ?? String(value);
  const list = Array.isArray(value);
  const inside = `${indent}  `;
  const part = ([key, each]) => (list ? "" : `${style.key(key)}: `) + written(each, style, inside);
  const parts = Object.entries(value).map(part);
  const line = list ? `[${parts.join(", ")}]` : `{${parts.join(", ")}}`;
  if (line.length + indent.length < 76 && !line.includes("\n")) return line;
  return `${line[0]}\n${inside}${parts.join(`,\n${inside}`)}\n${indent}${line.at(-1)}`;
}

const lines = (...all) => all.flat().filter((line) => line || line === "").join("\n");

function filesOf(body) {
  const parts = body.messages.flatMap((message) => (Array.isArray(message.content) ? message.content : []));
  return parts.map((part) => recordings.get(part.input_audio.data)).filter(Boolean);
}

// The program for a request's body, by the name on its button. Keys are read from OPENAI_API_KEY there.
const CODE = {
  Python: (body, locked, aloud = body.audio, tab = aloud ? "    " : "") =>
    lines(
      "import base64",
      aloud && "import wave",
      "",
      "from openai import OpenAI",
      "",
      `client = OpenAI(base_url="${here}/v1"${locked ? "" : ', api_key="anything"'})`,
      filesOf(body).map((file) => `${variable(file)} = base64.b64encode(open("${file}", "rb").read()).decode()`),
      "stream = client.chat.completions.create(",
      Object.entries(body).map(([key, value]) => `    ${key}=${written(value, PYTHON, "    ")},`),
      ")",
      aloud && 'with wave.open("answer.wav", "wb") as sound:',
      aloud && '    sound.setparams((1, 2, 24000, 0, "NONE", ""))',
      `${tab}for chunk in stream:`,
      `${tab}    delta = chunk.choices[0].delta.model_dump() if chunk.choices else {}`,
      `${tab}    audio = delta.get("audio") or {}`,
      `${tab}    print(audio.get("transcript") or delta.get("content") or "", end="", flush=True)`,
      body.tools && `${tab}    print(*(call["function"] for call in delta.get("tool_calls") or []), end="")`,
      aloud && '        sound.writeframes(base64.b64decode(audio.get("data") or ""))',
    ),
  JavaScript: (body, locked) =>
    lines(
      'import { readFile, writeFile } from "node:fs/promises"; // this is answer.mjs',
      'import OpenAI from "openai";',
      "",
      `const client = new OpenAI({ baseURL: "${here}/v1"${locked ? "" : ', apiKey: "anything"'} });`,
      filesOf(body).map((file) => `const ${variable(file)} = await readFile("${file}", "base64");`),
      `const stream = await client.chat.completions.create(${written(body, SCRIPT)});`,
      "const sound = [];",
      "for await (const chunk of stream) {",
      "  const { audio, content, tool_calls } = chunk.choices[0]?.delta ?? {};",
      '  process.stdout.write(audio?.transcript ?? content ?? "");',
      '  if (audio?.data) sound.push(Buffer.from(audio.data, "base64"));',
      "  if (tool_calls) console.log(tool_calls);",
      "}",
      body.audio && 'await writeFile("answer.pcm", Buffer.concat(sound)); // 24 kHz, mono, 16 bit',
    ),
  curl: (body, locked) =>
    lines(
      `curl --no-buffer ${here}/v1/chat/completions -H 'Content-Type: application/json' \\`,
      locked && '  -H "Authorization: Bearer $OPENAI_API_KEY" \\',
      "  --data-binary @- <<END",
      written(body, SHELL),
      "END",
    ),
};

function showCode(turn, kind) {
  for (const each of turn.part("kinds").children) each.ariaPressed = String(each === kind);
  turn.part("code").textContent = CODE[kind.textContent](turn.request, $("key").value !== "");
  turn.part("request").scrollIntoView({ block: "nearest" });
}

// Reading aloud.

async function sayIt() {
  const form = $("say-format").value;
  const [model, voice, input] = ["say-model", "say-voice", "say-text"].map((id) => $(id).value);
  const body = { model, voice, input, response_format: form, speed: Number($("say-speed").value) };
  const sound = await (await ask("v1/audio/speech", body)).arrayBuffer();
  if (form === "wav") {
    const header = new Uint32Array(sound, 0, 11); // sent while it was made, it says that it is endless
    [header[1], header[10]] = [sound.byteLength - 8, sound.byteLength - 44];
  }
  const file = new Blob([sound], { type: `audio/${form === "opus" ? "ogg" : form}` });
  setSource($("say-player"), form === "pcm" ? toWav([new Int16Array(sound)], RATE) : file);
  const save = { href: URL.createObjectURL(file), download: `speech.${form}`, textContent: `Save as ${form}` };
  Object.assign($("say-save"), save);
  $("said").hidden = false;
  $("say-player").play().catch(() => {}); // the browser may want a click first, or not know the format
}

function setSource(audio, blob) {
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(blob);
}

// Writing down.

function upload(format) {
  const form = new FormData();
  form.append("file", $("transcribe-file").files[0]);
  form.append("model", $("transcribe-model").value);
  form.append("response_format", format);
  if (format === "verbose_json") form.append("timestamp_granularities[]", "word");
  return ask("v1/audio/transcriptions", form);
}

async function transcribe() {
  const { text, words = [] } = await (await upload("verbose_json")).json();
  const spans = words.map(({ word }) => wordOf(word));
  spans.forEach((span, i) => (span.dataset.start = words[i].start));
  const shown = spans.flatMap((span) => [span, " "]);
  $("transcript").replaceChildren(...(shown.length ? shown : [text || "No words were heard."]));
  setSource($("transcribe-player"), $("transcribe-file").files[0]);
  $("transcribed").hidden = false;
  announce("The transcript is there.");
}

async function saveCaptions(event) {
  event.preventDefault();
  const form = event.currentTarget.id;
  save(await (await upload(form)).blob(), `transcript.${form}`);
}

function playFrom(word) {
  if (!word) return;
  $("transcribe-player").currentTime = word.dataset.start;
  $("transcribe-player").play().catch(() => {});
}

function markWord() {
  const now = $("transcribe-player").currentTime + 0.01;
  const words = [...$("transcript").children];
  const at = words.findLastIndex((word) => word.dataset.start <= now);
  words.forEach((word, i) => word.classList.toggle("current", i === at));
  return [words, at];
}

function stepWord(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Enter: 0 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const [words, at] = markWord();
  playFrom(words[Math.min(Math.max(at + step, 0), words.length - 1)]);
}

// The start: what every control does.

const TABS = ["talk", "say", "transcribe"];

function openTab(name) {
  interrupt();
  for (const each of TABS) {
    $(`tab-${each}`).ariaSelected = String(each === name);
    $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    $(`panel-${each}`).hidden = each !== name;
  }
}

function stepTab(event) {
  const at = TABS.indexOf(event.target.id.slice("tab-".length));
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const name = TABS.at((at + step) % TABS.length);
  openTab(name);
  $(`tab-${name}`).focus();
}

// Whether a key is meant for what has the focus. A button that was clicked has no claim on the space bar.
function wantsKeys(target) {
  if (target.matches("input, textarea, select, audio")) return true;
  return target.matches("button:not(#talk), a, summary, pre") && target.matches(":focus-visible");
}

function onKey(event) {
  if ($("panel-talk").hidden) return;
  if (event.key === "Escape") interrupt();
  if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || wantsKeys(event.target)) return;
  event.preventDefault(); // no scrolling, and no click
  if (event.type === "keyup") release();
  else if (!event.repeat) press();
}

function wireTalk() {
  const button = $("talk");
  button.onpointerdown = (event) => {
    if (event.button) return;
    button.setPointerCapture(event.pointerId);
    press();
  };
  button.onpointerup = button.onpointercancel = release;
  button.onclick = (event) => event.detail || press(false); // by Enter, or by what reads the screen
  button.oncontextmenu = (event) => event.preventDefault();
  document.onkeydown = document.onkeyup = onKey;
  onSubmit("dock", sendText);
  $("message").onkeydown = (event) => sendOnEnter(event, $("dock"));
  $("message").oninput = grow;
  $("file").onchange = ({ target }) => {
    sendFile(target.files[0]);
    target.value = "";
  };
  $("stop").onclick = interrupt;
  $("clear").onclick = clear;
  const place = $("conversation");
  place.ondragover = place.ondragleave = place.ondrop = (event) => {
    event.preventDefault();
    place.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") sendFile(event.dataTransfer.files[0]);
  };
}

function wireRest() {
  for (const name of TABS) $(`tab-${name}`).onclick = () => openTab(name);
  document.querySelector("[role=tablist]").onkeydown = stepTab;
  $("settings").oninput = () => (checkTools(), remember());
  $("key").onchange = () => load().catch(report);
  $("tools-example").onclick = () => {
    $("tools").value = JSON.stringify([{ type: "function", function: EXAMPLE }], null, 2);
    $("settings").oninput();
  };
  $("share").onclick = share;
  onSubmit("say", sayIt);
  $("say-speed").oninput = () => ($("say-speed-shown").textContent = $("say-speed").value);
  onSubmit("transcribe", transcribe);
  $("transcript").onclick = (event) => playFrom(event.target.closest(".word"));
  $("transcript").onkeydown = stepWord;
  $("transcribe-player").ontimeupdate = markWord;
  $("srt").onclick = $("vtt").onclick = (event) => saveCaptions(event).catch(report);
  const repaint = () => turns.forEach((turn) => paint(turn));
  addEventListener("resize", repaint);
  matchMedia("(prefers-color-scheme: dark)").onchange = repaint;
  addEventListener("hashchange", () => (takeLink(), load().catch(report)));
}

recall();
wireTalk();
wireRest();
$("settings").open = matchMedia("(min-width: 60rem)").matches;
if (!isSecureContext) notify("no-secure-context");
watchServer();
