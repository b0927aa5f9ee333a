/** Just enough of PostgreSQL's wire format to script both sides of a session's start. */
export const startup = (user = 'u', options: string | null = null): Buffer => {
  const more = options === null ? '' : `options\0${options}\0`;
  const body = Buffer.from(`user\0${user}\0${more}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.writeUInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
};

const special = (code: number, tail = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + tail.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, tail]);
};

export const sslRequest = special(80_877_103);
export const gssRequest = special(80_877_104);
export const cancelRequest = special(80_877_102, Buffer.from([0, 0, 0, 7, 1, 2, 3, 4]));

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

export const authenticationOk = message('R', Buffer.alloc(4));
export const parameterStatus = (name: string, value: string): Buffer =>
  message('S', Buffer.from(`${name}\0${value}\0`));
export const fatal = (code: string, text: string): Buffer =>
  message('E', Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`));
