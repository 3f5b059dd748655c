/** Records the microphone as OGG/Opus: by the browser itself, or with its encoder and our wrapping. */

import { oggOpus } from "/ogg.js";

const OGG = "audio/ogg;codecs=opus";
const BITS = 32_000;
const SAMPLES_PER_MICROSECOND = 0.048;
const SAMPLES_OF_20_MS = 960;

const writesOgg = () => globalThis.MediaRecorder?.isTypeSupported?.(OGG) ?? false;
const encodes = () => "AudioEncoder" in globalThis && "MediaStreamTrackProcessor" in globalThis;

/** Begin to record; gives `{ stop(): Promise<Blob>, cancel() }`. Throws sentences for people. */
export async function record() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("This browser lets no page record here");
  if (!writesOgg() && !encodes()) throw new Error("This browser cannot record OGG/Opus: attach an .ogg file instead");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (problem) {
    throw new Error(problem?.name === "NotAllowedError" ? "The microphone was not allowed" : "There is no microphone");
  }
  return writesOgg() ? byBrowser(stream) : byEncoder(stream);
}

const hush = (stream) => stream.getTracks().forEach((track) => track.stop());

function byBrowser(stream) {
  const parts = [];
  const recorder = new MediaRecorder(stream, { mimeType: OGG, audioBitsPerSecond: BITS });
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  return {
    async stop() {
      recorder.stop();
      await ended;
      hush(stream);
      return new Blob(parts, { type: "audio/ogg" });
    },
    cancel() {
      recorder.stop();
      hush(stream);
    },
  };
}

function byEncoder(stream) {
  const packets = [];
  const shape = {};
  let problem = null;
  const encoder = new AudioEncoder({
    output(chunk) {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      packets.push({ bytes, samples: Math.round((chunk.duration ?? 0) * SAMPLES_PER_MICROSECOND) || SAMPLES_OF_20_MS });
    },
    error(error) {
      problem = error;
    },
  });
  const reader = new MediaStreamTrackProcessor({ track: stream.getAudioTracks()[0] }).readable.getReader();
  const read = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (encoder.state === "unconfigured") {
        shape.channels = value.numberOfChannels;
        shape.inputRate = value.sampleRate;
        encoder.configure({ codec: "opus", sampleRate: shape.inputRate, numberOfChannels: shape.channels, bitrate: BITS });
      }
      if (encoder.state === "configured") encoder.encode(value);
      value.close();
    }
  })();
  return {
    async stop() {
      hush(stream);
      await reader.cancel();
      await read;
      if (encoder.state === "configured") await encoder.flush();
      if (encoder.state !== "closed") encoder.close();
      if (problem || packets.length === 0) throw new Error("Nothing was recorded");
      return oggOpus(packets, shape);
    },
    cancel() {
      hush(stream);
      reader.cancel().catch(() => {});
      if (encoder.state !== "closed") encoder.close();
    },
  };
}
