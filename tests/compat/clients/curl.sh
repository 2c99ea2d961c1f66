# curl and a shell: what the README shows, and the edges of HTTP that libraries hide.
set -euo pipefail
url=$VIVAVOCE_URL/v1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "$*" >&2; exit 1; }
has() { grep -qF -- "$2" "$1" || fail "$1 has no '$2': $(head -c 500 "$1")"; }
# status FILE ARGUMENTS...: the status of an answer, whose body goes to FILE and whose headers to FILE.head
status() { local file=$1; shift; curl -sS -m 60 -o "$file" -D "$file.head" -w '%{http_code}' "$@"; }
expect() { [ "$2" = "$3" ] || fail "$1: status $2, not $3: $(head -c 500 "$1")"; }
json=(-H 'Content-Type: application/json')
sound='"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}'
model='"model": "gpt-4o-mini-audio-preview"'

# Whole, with and without the prefix
body="{$model, $sound, \"messages\": [{\"role\": \"user\", \"content\": \"Tell me a short joke.\"}]}"
expect whole "$(status whole "$url/chat/completions" "${json[@]}" -d "$body")" 200
has whole '"content":null'
has whole "\"transcript\":\"$VIVAVOCE_SAYS\""
has whole '"audio_tokens"'
has whole.head 'x-request-id: req_'
sed -E 's/.*"audio":\{[^}]*"data":"([^"]+)".*/\1/' whole | base64 -d >whole.wav
[ "$(head -c 4 whole.wav)" = RIFF ] || fail 'the sound is no WAV'
expect bare "$(status bare "$VIVAVOCE_URL/chat/completions" "${json[@]}" -d "$body")" 200

# A recording in a body sent in chunks, and with Expect: 100-continue
data=$(base64 -w0 "$VIVAVOCE_RECORDINGS/question.wav")
printf '{%s, %s, "messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "%s", "format": "wav"}}]}]}' \
  "$model" "$sound" "$data" >heard.json
expect heard "$(status heard "$url/chat/completions" "${json[@]}" -H 'Transfer-Encoding: chunked' -d @heard.json)" 200
expect heard "$(status heard "$url/chat/completions" "${json[@]}" -H 'Expect: 100-continue' -d @heard.json)" 200
has heard "\"transcript\":\"$VIVAVOCE_SAYS\""

# Streamed
body="{$model, \"stream\": true, \"modalities\": [\"text\", \"audio\"], \"audio\": {\"voice\": \"echo\", \"format\": \"pcm16\"},
  \"stream_options\": {\"include_usage\": true}, \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}"
expect stream "$(status stream -N "$url/chat/completions" "${json[@]}" -d "$body")" 200
grep -qi '^content-type: text/event-stream' stream.head || fail "a stream with $(grep -i content-type stream.head)"
[ "$(grep . stream | tail -n 1)" = 'data: [DONE]' ] || fail "a stream ends with $(tail -n 1 stream)"
[ "$(grep -c '"expires_at"' stream)" = 1 ] || fail 'expires_at is not there once'

# Errors: one envelope, on every path
for wrong in '{' '{}' "{$model, \"messages\": []}" "{$model, \"messages\": 5}"; do
  expect wrong "$(status wrong "$url/chat/completions" "${json[@]}" -d "$wrong")" 400
  for key in message type param code; do has wrong "\"$key\":"; done
done
expect lost "$(status lost "$url/no/such/path")" 404
has lost '"error":{"message":'
expect form "$(status form "$url/chat/completions" -d "$body")" 415
has form '"error":{"message":'
for path in / /v1/; do
  code=$(status root "$VIVAVOCE_URL$path")
  [ "$code" -lt 500 ] || fail "GET $path: $code"
done

# The endpoints beside it
expect speech "$(status speech "$url/audio/speech" "${json[@]}" \
  -d '{"model": "tts-1", "voice": "alloy", "input": "Hello there.", "response_format": "mp3"}')" 200
grep -qi '^content-type: audio/mpeg' speech.head || fail "speech with $(grep -i content-type speech.head)"
expect text "$(status text "$url/audio/transcriptions" -F file=@speech\;filename=said.mp3 -F model=whisper-1 -F response_format=text)" 200
grep -qi '^content-type: text/plain' text.head || fail "text with $(grep -i content-type text.head)"
has text "$VIVAVOCE_HEARS"
expect rich "$(status rich "$url/audio/transcriptions" -H 'Transfer-Encoding: chunked' \
  -F file=@"$VIVAVOCE_RECORDINGS/question.wav" -F model=whisper-1 -F response_format=verbose_json -F 'timestamp_granularities[]=segment')" 200
has rich '"segments":['
expect srt "$(status srt "$url/audio/transcriptions" -F file=@"$VIVAVOCE_RECORDINGS/question.mp3" -F model=whisper-1 -F response_format=srt)" 200
has srt ' --> '
expect kept "$(status kept "$url/files" -H 'Transfer-Encoding: chunked' -F purpose=batch -F file=@"$0"\;filename=lines.jsonl)" 200
has kept '"filename":"lines.jsonl"'
expect fetched "$(status fetched "$url/files/$(grep -o 'file-[A-Za-z0-9]*' kept | head -1)/content")" 200
cmp -s "$0" fetched || fail "another file was fetched"
expect voices "$(status voices "$url/audio/voices")" 200
has voices '"voices":['
