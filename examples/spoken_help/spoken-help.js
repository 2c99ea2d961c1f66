// Spoken help for the page it is on: a button that listens, and answers aloud and in writing.
//
//   <script src="spoken-help.js" defer data-base-url="http://127.0.0.1:8000/v1" data-instructions="You help …"></script>
//
// data-context: the part of the page that it knows, as a CSS selector (main); data-model; data-voice.
{
  const { baseUrl, instructions = '', context = 'main', voice = 'alloy', ...settings } = document.currentScript.dataset
  const { model = 'gpt-4o-mini-audio-preview' } = settings
  const HZ = 24_000
  const LONGEST_MS = 30_000 // of a question: whoever forgets to press again is answered all the same
  const SHOWN = {
    idle: ['Ask for help', ''],
    listening: ['I have asked', 'Listening.'],
    thinking: ['Stop', 'One moment.'],
    speaking: ['Stop', ''],
  }
  const PLAIN = {
    NotAllowedError: 'The microphone is not allowed here. Allow it beside the address, or write your question.',
    NotFoundError: 'There is no microphone. Connect one, or write your question.',
    NotReadableError: 'Another program has the microphone. Close it, or write your question.',
    TypeError: `The help at ${baseUrl} does not answer, or does not know this page. Try again later.`,
    401: 'The help does not know who asks. Tell those who run this page.',
    503: 'The help is busy. Try again in a moment.',
  }
  const STYLE = `
    :host { position: fixed; inset: auto 1rem 1rem auto; z-index: 1000; font: 1rem/1.4 system-ui, sans-serif }
    section { box-sizing: border-box; width: min(20rem, calc(100vw - 2rem)); padding: 0.75rem; border-radius: 0.75rem;
      color: #111; background: #fff; border: 1px solid #767676; box-shadow: 0 2px 8px #0004 }
    button, input { box-sizing: border-box; width: 100%; padding: 0.6rem; border-radius: 0.5rem; font: inherit }
    button { color: #fff; background: #0b57d0; border: 0; cursor: pointer }
    button[data-state='listening'] { background: #b3261e }
    input { margin-top: 0.5rem; color: #111; background: #fff; border: 1px solid #767676 }
    :focus-visible { outline: 3px solid #0b57d0; outline-offset: 2px }
    p { margin: 0.5rem 0 0; max-height: 40vh; overflow: auto }
    p:empty { display: none }
    [role='alert'] { color: #b3261e }`

  const host = document.createElement('div')
  const root = host.attachShadow({ mode: 'open' })
  const [section, button, status, answer, alert, form, field] = ['section', 'button', 'p', 'p', 'p', 'form', 'input'].map(
    (name) => document.createElement(name),
  )
  const sheet = new CSSStyleSheet() // which no content security policy minds
  const turns = [] // a question and its answer's words, the last few
  let state = 'idle'
  let stop = () => {} // what the button does to what is under way

  function show(next) {
    state = next
    button.dataset.state = next
    ;[button.textContent, status.textContent] = SHOWN[next]
  }

  function fail(error) {
    if (error.name !== 'AbortError') alert.textContent = PLAIN[error.status ?? error.name] ?? error.message
  }

  // What the microphone hears until the button is pressed again, in whichever format the browser records.
  async function recording() {
    if (!navigator.mediaDevices) throw new Error('The microphone works on https pages alone. Write your question.')
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true })
    const recorder = new MediaRecorder(microphone)
    const pieces = []
    recorder.ondataavailable = ({ data }) => pieces.push(data)
    const ended = new Promise((resolve) => (recorder.onstop = resolve))
    recorder.start()
    stop = () => recorder.state === 'recording' && recorder.stop()
    const longest = setTimeout(stop, LONGEST_MS)
    show('listening')
    await ended
    clearTimeout(longest)
    for (const track of microphone.getTracks()) track.stop()
    const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer())
    const data = bytes.reduce((text, byte) => text + String.fromCharCode(byte), '')
    const format = recorder.mimeType.match(/\/(\w+)/)?.[1] ?? 'webm'
    return [{ type: 'input_audio', input_audio: { data: btoa(data), format } }]
  }

  function messages(content) {
    const page = document.querySelector(context)?.innerText.replace(/\s+/g, ' ').slice(0, 6000) ?? ''
    const system = { role: 'system', content: `${instructions} ${page}` }
    return [system, ...turns.slice(-4), { role: 'user', content }]
  }

  async function* chunks(content, signal) {
    const asked = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      signal,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        model,
        modalities: ['text', 'audio'],
        audio: { voice, format: 'pcm16' },
        messages: messages(content),
        stop: ['\n'], // an answer that is heard is one paragraph
        stream: true,
      }),
    })
    if (!asked.ok) throw Object.assign(new Error((await asked.json()).error.message), { status: asked.status })
    const reader = asked.body.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ''; ; ) {
      const { value, done } = await reader.read()
      if (done) return
      const lines = (rest + value).split('\n')
      rest = lines.pop()
      for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice(6))
    }
  }

  // Ask, and say and show the answer as it comes.
  async function ask(content) {
    const stopper = new AbortController()
    const audio = new AudioContext({ sampleRate: HZ })
    stop = () => stopper.abort()
    show('thinking')
    let [began, until, words] = [0, 0, '']
    try {
      for await (const { choices, error } of chunks(content, stopper.signal)) {
        if (error) throw new Error(error.message)
        const piece = choices[0]?.delta.audio ?? {}
        words += piece.transcript ?? ''
        answer.textContent = words
        if (!piece.data) continue
        began ||= audio.currentTime
        until = play(audio, piece.data, until)
        if (state === 'thinking') show('speaking')
      }
      await new Promise((resolve) => {
        stop = resolve
        setTimeout(resolve, (until - audio.currentTime) * 1000)
      })
    } finally {
      const heard = until && Math.min((audio.currentTime - began) / (until - began), 1)
      audio.close()
      const said = words.split(/(?<=\s)/) // the model is reminded of no more than was heard of it
      words = said.slice(0, Math.ceil(heard * said.length)).join('')
      if (words) turns.push({ role: 'user', content }, { role: 'assistant', content: words })
    }
  }

  // Say a piece after what is being said, which ends at `until`; when it will end.
  function play(audio, data, until) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
    const samples = Float32Array.from(new Int16Array(bytes.buffer, 0, bytes.length >> 1), (height) => height / 32768)
    const source = audio.createBufferSource()
    source.buffer = audio.createBuffer(1, samples.length, HZ)
    source.buffer.copyToChannel(samples, 0)
    source.connect(audio.destination)
    const start = Math.max(until, audio.currentTime + 0.05)
    source.start(start)
    return start + source.buffer.duration
  }

  async function begin(question) {
    if (state !== 'idle') return stop()
    show('thinking')
    stop = () => {}
    alert.textContent = answer.textContent = ''
    try {
      await ask(await question())
    } catch (error) {
      fail(error)
    }
    show('idle')
  }

  button.type = 'button'
  button.addEventListener('click', () => begin(recording))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = field.value.trim()
    if (text && state === 'idle') begin(async () => text)
    field.value = ''
  })
  root.addEventListener('keydown', ({ key }) => key === 'Escape' && state !== 'idle' && stop())
  section.setAttribute('aria-label', 'Spoken help')
  field.setAttribute('aria-label', 'Or write your question, and press Enter')
  field.placeholder = 'Or write your question'
  status.setAttribute('role', 'status')
  alert.setAttribute('role', 'alert')
  answer.setAttribute('role', 'note') // not live: it is spoken already
  answer.setAttribute('aria-label', 'Answer')
  sheet.replaceSync(STYLE)
  root.adoptedStyleSheets = [sheet]
  form.append(field)
  section.append(button, status, answer, alert, form)
  root.append(section)
  document.body.append(host)
  show('idle')
}
