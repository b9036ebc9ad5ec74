// RocketMQ's two layouts of a message: as a producer puts several into one request, and as the commit log has them, which is how a consumer gets them.
//
// ```text
// batch   size (4)  magic (4)  body CRC (4)  flag (4)  body length (4)  body  properties length (2)  properties
// log     size (4)  magic (4)  body CRC (4)  queue id (4)  flag (4)  queue offset (8)  log position (8)  system flag (4)
//         born at (8)  born host (8 or 20)  stored at (8)  stored host (8 or 20)  consumed again (4)  transaction (8)
//         body length (4)  body  topic length (1)  topic  properties length (2)  properties
// ```

const batchHeadBytes = 20;
const noProperties = Buffer.alloc(2);
const logSystemFlagAt = 36;
const logBornHostAt = 48;
const bornHostIsV6 = 0x10;
const storeHostIsV6 = 0x20;
const compressed = 0x1;

/** The parts of one message in a batch. The server fills in magic and CRC. */
export function batched(value: Buffer): readonly Buffer[] {
  const head = Buffer.alloc(batchHeadBytes);
  head.writeUInt32BE(batchHeadBytes + value.length + noProperties.length, 0);
  head.writeUInt32BE(value.length, batchHeadBytes - 4);
  return [head, value, noProperties];
}

/** Calls `onMessage` with the body of each message of a pull's answer; returns how many there were. */
export function eachBody(messages: Buffer, onMessage: (body: Buffer) => void): number {
  let count = 0;
  for (let at = 0; at < messages.length; at += messages.readUInt32BE(at)) {
    const flags = messages.readUInt32BE(at + logSystemFlagAt);
    if ((flags & compressed) !== 0) throw new Error('a compressed message, which no producer here sends');
    const bornHostBytes = (flags & bornHostIsV6) === 0 ? 8 : 20;
    const storeHostBytes = (flags & storeHostIsV6) === 0 ? 8 : 20;
    const lengthAt = at + logBornHostAt + bornHostBytes + 8 + storeHostBytes + 4 + 8;
    const length = messages.readUInt32BE(lengthAt);
    onMessage(messages.subarray(lengthAt + 4, lengthAt + 4 + length));
    count++;
  }
  return count;
}
