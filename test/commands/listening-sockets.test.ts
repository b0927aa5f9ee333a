import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { parseListeningSockets } from '../../src/listening-sockets.ts';

test('the table of the kernel is read: what listens, by inode', {
  skip: endianness() === 'LE' ? false : 'the sample is of a little-endian machine',
}, () => {
  const four = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1920 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1920 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1
`;
  assert.deepEqual([...parseListeningSockets(four)], [['4242', { host: '127.0.0.1', port: 6432 }]]);
  const six = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0
   1: B80D0120000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0 100 0 0 10 0
`;
  assert.deepEqual(
    [...parseListeningSockets(six)],
    [
      ['77', { host: '0:0:0:0:0:0:0:0', port: 8080 }],
      ['78', { host: '2001:db8:0:0:0:0:0:1', port: 8080 }],
    ],
  );
  assert.equal(parseListeningSockets('').size, 0);
});
