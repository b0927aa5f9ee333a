import { encodePacket } from '../../../src/engines/mysql/packets.ts';

export const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** As MySQL 9.7.4 sent it: with TLS, and `caching_sha2_password`. */
export const mysqlGreeting = encodePacket(
  0,
  bytes(
    '0a 392e372e342d3200 09000000 03541e2e72011628 00 ffff ff 0200 ffdf 15 00000000000000000000 08' +
      '26012f30252a474f33077d00 63616368696e675f736861325f70617373776f726400',
  ),
);
/** As MariaDB 10.11.19 begins: without TLS, and with `mysql_native_password`. */
export const mariadbGreeting = encodePacket(
  0,
  bytes(
    `0a ${Buffer.from('5.5.5-10.11.19-MariaDB').toString('hex')} 00 1e000000 4142434445464748 00 fef7 2d 0200 ff81 15` +
      '0000000000001d000000 303132333435363738394142 00 6d7973716c5f6e61746976655f70617373776f726400',
  ),
);
