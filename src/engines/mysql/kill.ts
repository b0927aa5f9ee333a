import type { KillCommand, KillError, KillProtocol } from '../engine.ts';
import { readGreeting, withConnectionId } from './greeting.ts';
import { comProcessKill, comQuery, KillWatch, statementStart } from './kill-watch.ts';
import { encodePacket, headerLength } from './packets.ts';

const statement = /^kill\s+(?:(hard|soft)\s+)?(?:(connection|query)\s+)?(-?\d{1,10})\s*;?\s*$/i;
const maxNumber = 0xffff_ffff;
const minNumber = -0x8000_0000;

/**
 * Reads a whole COM_QUERY with a KILL, or a COM_PROCESS_KILL, header included; null where it is none, or names its session
 * otherwise than by a number of 32 bits in decimal (an expression, `QUERY ID`, `USER`).
 * https://dev.mysql.com/doc/refman/8.4/en/kill.html, https://mariadb.com/kb/en/kill/
 */
export function readKill(packet: Uint8Array): KillCommand | null {
  const payload = packet.subarray(headerLength);
  if (payload[0] === comProcessKill && payload.length === 5) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    return { session: view.getUint32(1, true), scope: 'connection', force: null };
  }
  if (payload[0] !== comQuery) return null;
  const text = new TextDecoder('latin1').decode(payload.subarray(statementStart(payload)));
  const [, force, scope, digits] = statement.exec(text) ?? [];
  const number = Number(digits);
  if (digits === undefined || number < minNumber || number > maxNumber) return null;
  return {
    // MariaDB Connector/J 2 takes the greeting's number for a signed one, and says it like that. Servers know none such.
    session: number >>> 0,
    scope: scope?.toLowerCase() === 'query' ? 'query' : 'connection',
    force: force === undefined ? null : force.toLowerCase() === 'hard' ? 'hard' : 'soft',
  };
}

/** The statement that a server is given. */
export function killSql({ session, scope, force }: KillCommand): string {
  return `KILL ${force === null ? '' : `${force.toUpperCase()} `}${scope.toUpperCase()} ${session}`;
}

/** `packet`, a KILL, with another number in it. */
export function renumberKill(packet: Uint8Array, session: number): Uint8Array {
  const payload = packet.subarray(headerLength);
  if (payload[0] === comProcessKill) {
    const renumbered = new Uint8Array(packet);
    new DataView(renumbered.buffer).setUint32(headerLength + 1, session, true);
    return renumbered;
  }
  const command = readKill(packet);
  return command === null ? packet : withStatement(payload, killSql({ ...command, session }));
}

const comPing = 0x0e;

/** What a server answers with a plain OK, in place of a KILL that was carried out elsewhere. */
export const killed: Uint8Array = encodePacket(0, Uint8Array.of(comPing));

/** MySQL and MariaDB take no longer text of a condition (manual, "Condition Information Items"). */
const maxMessage = 128;

/**
 * What a server answers with this error, in place of `packet`, a KILL; a COM_PROCESS_KILL stays as it is, and is answered
 * with error 1094. The text is cut to 128 characters.
 */
export function failedKill(packet: Uint8Array, { errno, message }: KillError): Uint8Array {
  const payload = packet.subarray(headerLength);
  if (payload[0] === comProcessKill) return packet;
  const text = message
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/['\\]/g, '"')
    .slice(0, maxMessage);
  return withStatement(
    payload,
    `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = '${text}'`,
  );
}

/** A COM_QUERY of the same form as that in `payload`. */
function withStatement(payload: Uint8Array, sql: string): Uint8Array {
  const prefix = payload.subarray(0, statementStart(payload));
  const text = new TextEncoder().encode(sql);
  const all = new Uint8Array(prefix.length + text.length);
  all.set(prefix);
  all.set(text, prefix.length);
  return encodePacket(0, all);
}

export const mysqlKill: KillProtocol = {
  numberIn: (bytes) => readGreeting(bytes)?.connectionId ?? null,
  withNumber: withConnectionId,
  watch: (from) => new KillWatch(from),
  read: readKill,
  renumber: renumberKill,
  done: killed,
  failed: failedKill,
};
