// Shows an FLV file to the demuxer of mpegts.js, which knows nothing of us, and prints as JSON what it found.
// usage: node BUNDLE FILE   (esbuild makes the bundle; see tests/python/judge.py)
import fs from 'fs';
import FLVDemuxer from 'mpegts.js/src/demux/flv-demuxer.js';

const CHUNK = 64 * 1024;
const found = {
  video: null, audio: null,
  frames: 0, keyframes: 0, sounds: 0,
  firstVideoDts: null, lastVideoDts: null, maxComposition: 0,
  complaints: [],
};

// The demuxer reports what it dislikes through the console, and goes on.
for (const level of ['warn', 'error']) console[level] = (...words) => found.complaints.push(words.join(' '));
for (const level of ['log', 'info', 'debug']) console[level] = () => {};

function describe(type, meta) {
  if (type === 'video') {
    found.video = { codec: meta.codec, width: meta.codecWidth, height: meta.codecHeight };
  } else {
    found.audio = { codec: meta.codec, sampleRate: meta.audioSampleRate, channels: meta.channelCount };
  }
}

function count(audio, video) {
  for (const sample of video?.samples ?? []) {
    found.frames += 1;
    if (sample.isKeyframe) found.keyframes += 1;
    found.firstVideoDts ??= sample.dts;
    found.lastVideoDts = sample.dts;
    found.maxComposition = Math.max(found.maxComposition, sample.cts);
  }
  found.sounds += audio?.samples.length ?? 0;
  for (const track of [audio, video]) {
    if (track) { track.samples = []; track.length = 0; }
  }
}

const file = fs.readFileSync(process.argv[2]);
const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
const probe = FLVDemuxer.probe(bytes.slice(0, CHUNK).buffer);
if (!probe.match) throw new Error('not an FLV file');

const demuxer = new FLVDemuxer(probe, {});
demuxer.onError = (type, text) => found.complaints.push(`${type}: ${text}`);
demuxer.onMediaInfo = () => {};
demuxer.onMetaDataArrived = () => {};
demuxer.onScriptDataArrived = () => {};
demuxer.onSeiArrived = () => {};
demuxer.onTrackMetadata = describe;
demuxer.onDataAvailable = count;

// As a player is fed: in pieces, what was not consumed comes again with the next one.
let at = 0;
let end = 0;
while (end < bytes.length) {
  end = Math.min(bytes.length, end + CHUNK);
  at += demuxer.parseChunks(bytes.slice(at, end).buffer, at);
}
found.unparsed = bytes.length - at;
process.stdout.write(JSON.stringify(found));
