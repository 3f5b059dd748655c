/** Opus packets wrapped into an OGG file, as voice messages want it. Pure: no document here. */

const RATE = 48_000;
const USUAL_SKIP = 312;
const MOST_SEGMENTS = 255;
const PACKETS_ON_A_PAGE = 50;
const FIRST = 2;
const LAST = 4;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

function checksum(page) {
  let crc = 0;
  for (const byte of page) crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ byte];
  return crc >>> 0;
}

/** How the length of a packet is written: in steps of 255, the last of which is shorter. */
function lacing(packet) {
  return [...Array(Math.floor(packet.length / 255)).fill(255), packet.length % 255];
}

function page(serial, number, flags, granule, packets) {
  const segments = packets.flatMap(lacing);
  const size = packets.reduce((sum, packet) => sum + packet.length, 0);
  const bytes = new Uint8Array(27 + segments.length + size);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("OggS"));
  bytes[5] = flags;
  view.setBigInt64(6, BigInt(granule), true);
  view.setUint32(14, serial, true);
  view.setUint32(18, number, true);
  bytes[26] = segments.length;
  bytes.set(segments, 27);
  let at = 27 + segments.length;
  for (const packet of packets) {
    bytes.set(packet, at);
    at += packet.length;
  }
  view.setUint32(22, checksum(bytes), true);
  return bytes;
}

function head(channels, inputRate) {
  const bytes = new Uint8Array(19);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("OpusHead"));
  bytes[8] = 1;
  bytes[9] = channels;
  view.setUint16(10, USUAL_SKIP, true);
  view.setUint32(12, inputRate, true);
  return bytes;
}

function tags() {
  const vendor = new TextEncoder().encode("sandbox");
  const bytes = new Uint8Array(8 + 4 + vendor.length + 4);
  bytes.set(new TextEncoder().encode("OpusTags"));
  new DataView(bytes.buffer).setUint32(8, vendor.length, true);
  bytes.set(vendor, 12);
  return bytes;
}

/** `packets`: `{ bytes, samples }` in order, samples counted 48 000 to the second. */
export function oggOpus(packets, { channels = 1, inputRate = RATE } = {}) {
  const serial = Math.floor(Math.random() * 2 ** 31);
  const pages = [page(serial, 0, FIRST, 0, [head(channels, inputRate)]), page(serial, 1, 0, 0, [tags()])];
  let granule = 0;
  let held = [];
  let segments = 0;
  packets.forEach((packet, at) => {
    held.push(packet.bytes);
    segments += lacing(packet.bytes).length;
    granule += packet.samples;
    const last = at === packets.length - 1;
    const next = last ? 0 : lacing(packets[at + 1].bytes).length;
    if (!last && held.length < PACKETS_ON_A_PAGE && segments + next <= MOST_SEGMENTS) return;
    pages.push(page(serial, pages.length, last ? LAST : 0, granule, held));
    held = [];
    segments = 0;
  });
  return new Blob(pages, { type: "audio/ogg" });
}
