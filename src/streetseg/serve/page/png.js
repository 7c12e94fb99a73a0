// PNG files of 8-bit gray or RGB. Our own, because a canvas writes RGBA only, and phones limit its size.

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

// Return a PNG file as a Blob. `row(y)` returns the bytes of a row: width values for gray, 3 * width for RGB.
export async function encodePng(width, height, channels, row) {
  const lines = new ReadableStream({
    y: 0,
    pull(controller) {
      const line = new Uint8Array(1 + channels * width); // begins with the filter: none
      line.set(row(this.y), 1);
      controller.enqueue(line);
      if (++this.y === height) controller.close();
    },
  });
  const data = await new Response(lines.pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, channels === 1 ? 0 : 2);
  const parts = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", new Uint8Array(data)), chunk("IEND", new Uint8Array(0))];
  return new Blob([SIGNATURE, ...parts], { type: "image/png" });
}

function chunk(name, data) {
  const bytes = new Uint8Array(12 + data.length), view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (let k = 4; k < 8 + data.length; k++) crc = CRC[(crc ^ bytes[k]) & 255] ^ (crc >>> 8);
  view.setUint32(8 + data.length, (crc ^ 0xffffffff) >>> 0);
  return bytes;
}
