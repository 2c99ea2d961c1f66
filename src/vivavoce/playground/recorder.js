// The recorder, in the thread of sound: hands what the microphone hears to the page, as one channel.

class Recorder extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) {
      const mono = channels[0].slice();
      for (const other of channels.slice(1)) for (let i = 0; i < mono.length; i++) mono[i] += other[i];
      for (let i = 0; i < mono.length; i++) mono[i] /= channels.length;
      this.port.postMessage(mono, [mono.buffer]);
    }
    return true;
  }
}

registerProcessor("vivavoce-recorder", Recorder);
