// The official Node SDK, with Node 22.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI, { toFile } from "openai";

const env = process.env;
const { VIVAVOCE_SAYS: SAYS, VIVAVOCE_HEARS: HEARS } = env;
const MODEL = "gpt-4o-mini-audio-preview";
const CALLER = "gpt-4o-audio-preview"; // calls the tools it is given
const client = new OpenAI({ baseURL: `${env.VIVAVOCE_URL}/v1`, apiKey: "anything", maxRetries: 0 });
const recording = (form) => readFileSync(`${env.VIVAVOCE_RECORDINGS}/question.${form}`);
const part = (form) => ({
  type: "input_audio",
  input_audio: { data: recording(form).toString("base64"), format: form },
});
const spoken = { model: MODEL, modalities: ["text", "audio"], audio: { voice: "alloy", format: "wav" } };
const streamed = { ...spoken, audio: { voice: "echo", format: "pcm16" }, stream_options: { include_usage: true } };
const asked = [{ role: "user", content: [part("wav"), part("mp3"), { type: "text", text: "?" }] }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

function said(transcript) {
  assert.ok(transcript, "the answer has no words");
  if (SAYS) assert.equal(transcript, SAYS);
}

function addsUp(usage, sound) {
  for (const kind of ["prompt", "completion"]) {
    const { audio_tokens: audio, text_tokens: text } = usage[`${kind}_tokens_details`];
    assert.equal(audio + text, usage[`${kind}_tokens`], `${kind} tokens do not add up`);
  }
  assert.equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens);
  const told = usage.completion_tokens_details.audio_tokens;
  assert.ok(Math.abs(told - sound.length / 2400) <= 1, `${sound.length} bytes of sound for ${told} audio tokens`);
}

// Models
assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
const listed = [];
for await (const model of client.models.list()) listed.push(model.id);
assert.ok(listed.includes(MODEL) && listed.includes(CALLER), `models listed: ${listed}`);

// Whole
const first = await client.chat.completions.create({ ...spoken, messages: asked });
assert.ok(first._request_id, "no x-request-id");
assert.equal(first.choices[0].message.content, null);
const { audio } = first.choices[0].message;
said(audio.transcript);
const wav = Buffer.from(audio.data, "base64");
assert.equal(wav.subarray(0, 4).toString(), "RIFF");
assert.equal(wav.readUInt32LE(40), wav.length - 44, "the WAV header does not say its true size");
addsUp(first.usage, wav.subarray(44));

// Streamed, with the earlier answer by its id; the helper adds it up
const messages = [...asked, { role: "assistant", audio: { id: audio.id } }, { role: "user", content: "And then?" }];
const runner = client.chat.completions.stream({ ...streamed, messages });
const pieces = [];
for await (const chunk of runner) {
  const data = chunk.choices[0]?.delta?.audio?.data;
  if (data) pieces.push(data);
}
const final = await runner.finalChatCompletion();
const joined = Buffer.from(pieces.join(""), "base64");
const apart = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
assert.ok(joined.length > 4800 && joined.equals(apart), `${joined.length} bytes joined, ${apart.length} apart`);
const added = final.choices[0].message.audio;
assert.equal(final.choices[0].finish_reason, "stop");
assert.match(added.id, /^audio_[^_]+$/);
said(added.transcript);
assert.ok(Buffer.from(added.data, "base64").equals(joined), "the helper lost sound");
assert.ok(Math.abs(added.expires_at - final.created - 3600) <= 5, `expires at ${added.expires_at}`);
addsUp(final.usage, joined);

// Errors
async function refused(promise, status, told) {
  const error = await promise.then(() => assert.fail(`${status} was expected`), (reason) => reason);
  assert.equal(error.status, status, String(error));
  for (const key of ["message", "type", "param", "code"]) assert.ok(key in error.error, `no ${key} in an error`);
  for (const [key, value] of Object.entries(told)) assert.equal(error[key], value);
  assert.ok(error.requestID, "an error without x-request-id");
}
const create = (more) => client.chat.completions.create({ ...spoken, messages: asked, ...more });
await refused(create({ audio: { voice: "nobody", format: "wav" } }), 400, { param: "audio.voice" });
await refused(create({ model: "gpt-9" }), 404, { code: "model_not_found" });
const lost = [...asked, { role: "assistant", audio: { id: "audio_0" } }, { role: "user", content: "?" }];
await refused(create({ messages: lost }), 400, { code: "audio_not_found" });

// Tools: the helper calls our function and sends its result back, aloud and in writing
for (const way of [{ ...spoken }, { modalities: ["text"] }, { ...streamed, stream: true }]) {
  let city;
  const run = client.chat.completions.runTools({
    ...way,
    model: CALLER,
    messages: [{ role: "user", content: "What is the weather in Paris?" }],
    tools: [
      {
        type: "function",
        function: { ...weather.function, parse: JSON.parse, function: (given) => ((city = given.city), "sunny") },
      },
    ],
  });
  await run.done();
  assert.equal(city, "Paris");
  const last = run.messages.at(-1);
  assert.equal(last.audio?.transcript ?? last.content, "It says sunny.");
}

// A stream that breaks off is an error
const broken = client.chat.completions.create({
  ...streamed,
  model: CALLER,
  stream: true,
  messages: [{ role: "user", content: "Please break off." }],
});
await assert.rejects(async () => {
  for await (const chunk of await broken) assert.ok(chunk.id);
}, OpenAI.APIError);

// The endpoints beside it
const speech = await client.audio.speech.create({
  model: "gpt-4o-mini-tts",
  voice: "alloy",
  input: "Hello there.",
  response_format: "mp3",
});
assert.equal(speech.headers.get("content-type"), "audio/mpeg");
const mp3 = Buffer.from(await speech.arrayBuffer());
const file = await toFile(mp3, "said.mp3");
assert.ok((await client.audio.transcriptions.create({ model: "whisper-1", file })).text);
const question = await toFile(recording("wav"), "question.wav");
const rich = await client.audio.transcriptions.create({
  model: "whisper-1",
  file: question,
  response_format: "verbose_json",
});
assert.equal(rich.text, HEARS);
assert.ok(rich.segments.length && rich.duration > 1, "verbose_json without segments or duration");
let text = "";
const events = await client.audio.transcriptions.create({
  model: "gpt-4o-mini-transcribe",
  file: await toFile(recording("wav"), "question.wav"),
  stream: true,
});
for await (const event of events) text = event.type === "transcript.text.done" ? event.text : text;
assert.equal(text, HEARS);

const lines = '{"custom_id": "1"}\n';
const kept = await client.files.create({ file: await toFile(Buffer.from(lines), "lines.jsonl"), purpose: "batch" });
assert.equal(kept.filename, "lines.jsonl");
assert.equal(await (await client.files.content(kept.id)).text(), lines);
for await (const each of client.files.list({ limit: 1 })) assert.ok((await client.files.delete(each.id)).deleted);
await assert.rejects(client.files.retrieve(kept.id), { status: 404 });
